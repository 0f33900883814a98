"""What are the kernel's settings for this network namespace, and what has it counted there?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathprobe.core.layers import Evidence

SETTINGS = "/proc/sys/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """``settings``: a file's place below /proc/sys -> its text. ``interfaces``: without "all" and "default".

    ``tcp``: TcpExt of /proc/net/netstat, ``conntrack``: columns of /proc/net/stat/nf_conntrack; both since the
    namespace began. What could not be read is not there. ``unseen``: what root alone may read, in words.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    tcp: Mapping[str, int] = field(default_factory=dict)
    conntrack: Mapping[str, int] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()

    def number(self, path: str) -> int | None:
        text = self.settings.get(path, "").strip()
        return int(text) if text.isdecimal() else None

    def numbers(self, path: str) -> tuple[int, ...]:
        return tuple(int(word) for word in self.settings.get(path, "").split() if word.isdecimal())

    def seen(self, *paths: str) -> tuple[Evidence, ...]:
        """The lines that sysctl(8) prints for these."""
        there = [path for path in paths if path in self.settings]
        return tuple(
            Evidence(source="sysctl", ref=name(path), text=f"{name(path)} = {' '.join(self.settings[path].split())}")
            for path in there
        )


def name(path: str) -> str:
    """As sysctl(8) calls it: ``net/ipv4/conf/eth0.7/rp_filter`` is ``net.ipv4.conf.eth0/7.rp_filter``."""
    return path.translate(str.maketrans("/.", "./"))


def counted(source: str, **counters: int) -> Evidence:
    return Evidence(source=source, text=", ".join(f"{what} {number}" for what, number in counters.items()))
