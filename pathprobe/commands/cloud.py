"""``pathprobe cloud``: would the cloud's own rules let this packet in, and its answer out?"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from typing import Any

import click

from pathprobe.commands import layered, status
from pathprobe.commands.ending import fail

_VENDORS = ("aws", "alibaba", "tencent", "azure", "gcp")

_PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class _Port:
    """``number``: None for icmp."""

    protocol: str
    number: int | None


class _PortType(click.ParamType[_Port]):
    """8080, 8080/tcp, 53/udp, icmp."""

    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _Port:
        if isinstance(value, _Port):
            return value
        number, _, protocol = str(value).lower().partition("/")
        if number == "icmp" or protocol == "icmp":
            return _Port("icmp", None)
        protocol = protocol or "tcp"
        if protocol not in _PROTOCOLS:
            self.fail(f"{protocol!r} is neither tcp nor udp nor icmp", param, ctx)
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 65535):
            self.fail(f"{value!r} is no port: write 8080, 8080/tcp, 53/udp or icmp", param, ctx)
        return _Port(protocol, int(number))


class _Target(click.ParamType[Any]):
    """10.0.0.5, 10.0.0.5:8080, [2001:db8::5]:53/udp; an address and a port, which may be None."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        text = str(value)
        whole = _address(text)
        if whole is not None:
            return whole, None
        host, _, port = text.rpartition(":")
        address = _address(host.removeprefix("[").removesuffix("]"))
        if address is None or (address.version == 6 and not host.startswith("[")):
            self.fail(f"{text!r} is no ADDRESS or ADDRESS:PORT; names are not looked up here", param, ctx)
        return address, _PortType().convert(port, param, ctx)


def _address(text: str) -> Any:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class _Network(click.ParamType[Any]):
    """An address, or a network of clients."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return ipaddress.ip_network(str(value), strict=False)
        except ValueError:
            self.fail(f"{value!r} is no IP address", param, ctx)


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE...|-]")
@click.option("--to", "target", type=_Target(), metavar="ADDRESS[:PORT]", help="The target, private or public.")
@click.option("--port", type=_PortType(), metavar="PORT[/tcp|/udp]|icmp", help="The target's port.")
@click.option("--from", "source", type=_Network(), metavar="ADDRESS", help="Who is to reach it (default: anybody).")
@click.option("--group", "groups", multiple=True, metavar="ID", help="The group before it (GCP: a tag or network).")
@click.option("--acl", default="", metavar="ID", help="The network ACL before its subnet.")
@click.option("--vendor", type=click.Choice(_VENDORS), help="Whose JSON it is (default: told by its keys).")
@click.option("--aws", "live", is_flag=True, help="Ask AWS itself, by read-only calls (needs pathprobe[aws]).")
@click.option("--region", metavar="REGION", help="Of --aws.")
@click.option("--profile", metavar="PROFILE", help="Of --aws.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (pathprobe-layers/1) instead of text.")
@click.option("-v", "--verbose", is_flag=True, help="Show what was seen of a healthy layer too.")
def cloud(
    files: tuple[str, ...],
    target: Any,
    port: _Port | None,
    source: Any,
    groups: tuple[str, ...],
    acl: str,
    vendor: str | None,
    live: bool,
    region: str | None,
    profile: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Would the cloud's own rules let this packet in, and its answer out?

    Reads the JSON that the vendor's command line prints, of AWS, Alibaba Cloud, Tencent Cloud, Azure and Google
    Cloud; no account is needed. Several files of one account are taken together: groups, network ACLs, interfaces or
    instances, subnets, prefix lists. Names the rule that decides or the one that is missing, and the command that
    adds it, which nobody runs. With --aws the rules are asked for instead.

    \b
    aws ec2 describe-security-groups > groups.json
    aws ec2 describe-network-interfaces > interfaces.json
    pathprobe cloud groups.json interfaces.json --to 10.0.0.5:8080 --from 203.0.113.7
    aliyun ecs DescribeSecurityGroupAttribute --SecurityGroupId sg-1 | pathprobe cloud - --port 8080
    pathprobe cloud --aws --to 10.0.0.5:8080 --from 203.0.113.7

    \b
    Exit status: 0 let in, 4 blocked, 6 could not tell; 1 could not do the job, 2 wrong command line.
    """
    address, of_target = target or (None, None)
    wanted = _port(port, of_target)
    _check(files, live=live, source=source, address=address, region=region, profile=profile, groups=groups)
    from pathprobe.commands import cloud_reading
    from pathprobe.core.layers import Asked, LayersReport
    from pathprobe.layers.cloud.conclusion import conclude
    from pathprobe.layers.cloud.judge import judge

    started, begun = time.time(), time.monotonic()
    question = cloud_reading.question(
        wanted.protocol, wanted.number, target=address, source=source, groups=groups, acl=acl
    )
    try:
        if live:
            account = cloud_reading.of_aws(question, region=region, profile=profile)
        else:
            account = cloud_reading.of_files(files, vendor=vendor, groups=groups)
        row = judge(account, question)
    except cloud_reading.CannotRead as reason:
        fail(str(reason), status.CANNOT)
    asked = Asked(
        given=_given(wanted, address),
        protocol=wanted.protocol,
        port=wanted.number,
        address=None if address is None else str(address),
        source=None if source is None else _written(source),
    )
    report = LayersReport(
        asked=asked,
        started=started,
        duration=time.monotonic() - begun,
        layers=(row,),
        conclusion=conclude(row, asked),
    )
    layered.finish(report, as_json=as_json, verbose=verbose)


def _port(port: _Port | None, of_target: _Port | None) -> _Port:
    if port and of_target and port != of_target:
        raise click.UsageError("--to and --port name two ports: one is enough")
    wanted = port or of_target
    if wanted is None:
        raise click.UsageError("which port? --to ADDRESS:PORT, --port 8080, --port 53/udp or --port icmp")
    return wanted


def _check(files: tuple[str, ...], *, live: bool, source: Any, address: Any, groups: Any, **of_live: Any) -> None:
    if live and files:
        raise click.UsageError("--aws asks AWS itself: leave the files away, or leave --aws away")
    if not live and not files:
        raise click.UsageError("which rules? Give the JSON of the vendor's command line (- is stdin), or --aws")
    if not live and any(of_live.values()):
        raise click.UsageError("--region and --profile go with --aws")
    if live and address is None and not groups:
        raise click.UsageError("--aws needs --to ADDRESS, by which the interface is found, or --group")
    if source is not None and address is not None and source.version != address.version:
        raise click.UsageError(f"--from {source} and --to {address} are not of one version of IP")


def _given(port: _Port, address: Any) -> str:
    label = port.protocol if port.number is None else f"{port.number}/{port.protocol}"
    if address is None:
        return label
    host = f"[{address}]" if address.version == 6 and port.number is not None else str(address)
    return f"{host}{' ' if port.number is None else ':'}{label}"


def _written(source: Any) -> str:
    return str(source.network_address) if source.num_addresses == 1 else str(source)
