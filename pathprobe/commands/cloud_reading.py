"""Where do a cloud's rules come from: files that its command line printed, stdin, or AWS itself?

For every command that asks layer 6; loaded when one does.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

from pathprobe.layers.cloud import live_aws, recognise
from pathprobe.layers.cloud.documents import Unreadable, parse
from pathprobe.layers.cloud.judge import CloudQuestion
from pathprobe.layers.cloud.live_aws import NoAccount
from pathprobe.layers.cloud.model import ALL_V4, ALL_V6, Account, IpAddress, IpNetwork, Vendor

#: What is wrong with the files, or why AWS cannot be asked. The message is one line for a person.
CannotRead = (Unreadable, NoAccount)

#: IANA's numbers; that of icmp depends on the addresses' version.
_PROTOCOLS = {"tcp": 6, "udp": 17}
_ICMP = {4: 1, 6: 58}


def question(
    protocol: str,
    port: int | None,
    *,
    target: IpAddress | None = None,
    source: IpAddress | IpNetwork | None = None,
    groups: Sequence[str] = (),
    acl: str = "",
) -> CloudQuestion:
    """``protocol``: tcp, udp, icmp. ``source``: None for anybody, of the target's version of IP."""
    version = (target or source or ALL_V4).version
    anybody = ALL_V4 if version == 4 else ALL_V6
    return CloudQuestion(
        protocol=_PROTOCOLS.get(protocol, _ICMP[version]),
        port=port,
        target=target,
        source=anybody if source is None else ipaddress.ip_network(source),
        groups=tuple(groups),
        acl=acl,
    )


def of_files(files: Sequence[str], *, vendor: str | None = None, groups: Sequence[str] = ()) -> Account:
    """The account that the files describe together; ``-`` is stdin. Raises CannotRead."""
    documents = [document for file in files for document in parse(_text(file), "stdin" if file == "-" else file)]
    return recognise.read(
        documents, vendor=Vendor(vendor) if vendor else None, unnamed=groups[0] if len(groups) == 1 else ""
    )


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise Unreadable(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{file}: no text in UTF-8") from None


def of_aws(asked: CloudQuestion, *, region: str | None = None, profile: str | None = None) -> Account:
    """What AWS says of the rules before the target, by read-only calls. Raises CannotRead."""
    source = asked.source.network_address if asked.source.num_addresses == 1 else None
    ec2 = live_aws.client(region=region, profile=profile)
    return live_aws.read(ec2, asked.target, groups=asked.groups, acl=asked.acl, source=source).account()
