"""Does a command line that is told to others keep where files lie, and who is asked, to itself?"""

from __future__ import annotations

import pytest

from pathprobe.core.redaction.command import told_command
from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms


@pytest.mark.parametrize(
    ("arguments", "told", "redacted"),
    [
        (["tcp", "web1:80", "-w", "/home/bob/x.pcapng"], "tcp web1:80 -w x.pcapng", "tcp host-1:80 -w FILE"),
        (["tcp", "web1:80", "--write=/home/bob/x"], "tcp web1:80 --write=x", "tcp host-1:80 --write=FILE"),
        (["tcp", "-w/home/bob/x", "web1:80"], "tcp -wx web1:80", "tcp -wFILE host-1:80"),
        (["tcp", "web1:80", "--ticket", "bob/"], "tcp web1:80 --ticket bob", "tcp host-1:80 --ticket FILE"),
        (["udp", "a:53", "--payload", "0aff"], "udp a:53 --payload 0aff", "udp host-1:53 --payload HEX"),
        (["udp", "a:53", "--payload", "@/home/bob/q"], "udp a:53 --payload @q", "udp host-1:53 --payload HEX"),
        (["icmp", "b", "a", "b", "--wait", "9"], "icmp b a b --wait 9", "icmp host-1 host-2 host-1 --wait 9"),
        (["icmp", "a", "-i", "e0", "--flows=4", "-v"], "icmp a -i e0 --flows=4 -v", "icmp host-1 -i e0 --flows=4 -v"),
        (["analyze", "/srv/acme/x.pcapng", "--json"], "analyze x.pcapng --json", "analyze FILE --json"),
        ([], "", ""),
    ],
)  # fmt: skip
def test_files_lose_their_folders_and_redacted_their_names_as_hosts_do(
    arguments: list[str], told: str, redacted: str
) -> None:
    assert told_command(arguments) == f"pathprobe {told}".rstrip()
    assert told_command(arguments, Pseudonyms(bytes(KEY_SIZE))) == f"pathprobe {redacted}".rstrip()


def test_a_source_address_is_replaced() -> None:
    ours = Pseudonyms(bytes(KEY_SIZE))
    told = told_command(["tcp", "10.0.0.5:80", "-s", "10.9.1.9"], ours)
    assert told == f"pathprobe tcp {ours.address('10.0.0.5')}:80 -s {ours.address('10.9.1.9')}"


def test_it_can_be_pasted_into_a_shell() -> None:
    assert told_command(["tcp", "a b:1"]) == "pathprobe tcp 'a b:1'"
