"""What do ufw's files say?

It keeps each rule twice in user.rules and user6.rules: as a line for iptables-restore, and before it as it was told:

    ### tuple ### ACTION PROTOCOL PORTS DESTINATION SOURCE_PORTS SOURCE [APPLICATION SOURCE_APPLICATION] WAY [comment=X]

ACTION is allow, deny, reject or limit, with ``route:`` before it for packets that are passed on and ``_log`` or
``_log-all`` behind it. WAY is in or out, with an interface (``in_eth0``), with two when routed (``in_eth0!out_eth1``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathprobe.layers.firewall.model import Ranges
from pathprobe.layers.system import Unread

_MARK = "### tuple ###"
_ACTIONS = frozenset({"allow", "deny", "reject", "limit"})

#: How ufw writes "anywhere".
ANYWHERE = frozenset({"0.0.0.0/0", "::/0", "any"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UfwRule:
    """``ports``: None for any. ``protocol``: any, tcp, udp, or another. ``line``: as it stands in its file."""

    action: str
    protocol: str
    ports: Ranges | None
    destination: str
    source_ports: str
    source: str
    way: str = "in"
    interface_in: str = ""
    interface_out: str = ""
    is_routed: bool = False
    application: str = ""
    version: int = 4
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ufw:
    """``rules``: by IP version. ``defaults``: /etc/default/ufw. ``unclear``: lines that were not understood."""

    is_enabled: bool
    rules: Mapping[int, tuple[UfwRule, ...] | Unread] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    unclear: tuple[str, ...] = ()

    @property
    def covers_ipv6(self) -> bool:
        return self.defaults.get("IPV6", "yes").lower() == "yes"

    @property
    def keeps_all_ipv6_out(self) -> bool:
        return self.is_enabled and not self.covers_ipv6


def settings(text: str) -> Mapping[str, str]:
    """KEY=value or KEY="value"."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def rules(text: str, version: int) -> tuple[tuple[UfwRule, ...], tuple[str, ...]]:
    """The rules of a file, and the lines of that kind that were not understood."""
    lines = [line.strip() for line in text.splitlines() if line.startswith(_MARK)]
    read = [(line, _rule(line, version)) for line in lines]
    return tuple(rule for _, rule in read if rule is not None), tuple(line for line, rule in read if rule is None)


def _rule(line: str, version: int) -> UfwRule | None:
    words = line.removeprefix(_MARK).partition(" comment=")[0].split()
    if len(words) not in (6, 7, 8, 9):
        return None
    # Versions before 0.30 wrote no way.
    way = words.pop() if len(words) in (7, 9) else "in"
    routed, action = words[0].startswith("route:"), words[0].removeprefix("route:").partition("_")[0]
    ports = _ranges(words[2])
    if action not in _ACTIONS or (ports is None and words[2] != "any"):
        return None
    direction, interface_in, interface_out = _way(way)
    return UfwRule(
        action=action,
        protocol=words[1],
        ports=ports,
        destination=words[3],
        source_ports=words[4],
        source=words[5],
        way=direction,
        interface_in=interface_in,
        interface_out=interface_out,
        is_routed=routed,
        application="" if len(words) < 8 or words[6] == "-" else words[6].replace("%20", " "),
        version=version,
        line=line,
    )


def _way(way: str) -> tuple[str, str, str]:
    """Direction, interface in, interface out."""
    named = dict(part.partition("_")[::2] for part in way.split("!"))
    return way.partition("_")[0], named.get("in", ""), named.get("out", "")


def _ranges(ports: str) -> Ranges | None:
    """80, or 80,443, or 8000:8100; None for anything else."""
    found = []
    for part in ports.split(","):
        first, _, last = part.partition(":")
        if not first.isdecimal() or not (last or first).isdecimal():
            return None
        found.append((int(first), int(last or first)))
    return tuple(found)
