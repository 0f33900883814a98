"""Machines of which only what they said is left.

``recorded/NAME/commands.txt`` is a transcript: each ``$ command`` with what it printed. The folders beside it are the
machine's files. Names that end in ``by-its-format`` were written after the tool's format, not taken from a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pathprobe.layers.system import Recorded, Said, Unread

FOLDER = Path(__file__).parent / "recorded"

#: The services that the written transcripts name, as their files are.
SERVICES = {
    "ssh": '<service><port protocol="tcp" port="22"/></service>',
    "cockpit": '<service><port protocol="tcp" port="9090"/></service>',
    "http3": '<service><port protocol="udp" port="443"/></service>',
    "dhcpv6-client": '<service><port protocol="udp" port="546"/><destination ipv6="fe80::/64"/></service>',
}
SERVICE_FILES = {f"/usr/lib/firewalld/services/{name}.xml": text for name, text in SERVICES.items()}


def files_of(name: str) -> dict[str, str]:
    top = FOLDER / name
    return {
        f"/{path.relative_to(top)}": path.read_text()
        for path in top.rglob("*")
        if path.is_file() and path.name != "commands.txt"
    }


def commands_of(name: str) -> dict[str, str]:
    said: dict[str, str] = {}
    command = ""
    for line in (FOLDER / name / "commands.txt").read_text().splitlines(keepends=True):
        if line.startswith("$ "):
            command = line[2:].strip()
            said[command] = ""
        else:
            said[command] += line
    return said


def machine(
    name: str,
    *,
    commands: Mapping[str, str | Said | Unread] | None = None,
    files: Mapping[str, str | Unread] | None = None,
) -> Recorded:
    """The recording, with some answers and files in other words."""
    transcript = commands_of(name) if (FOLDER / name / "commands.txt").exists() else {}
    return Recorded(
        commands={**transcript, **(commands or {})}, files={**SERVICE_FILES, **files_of(name), **(files or {})}
    )
