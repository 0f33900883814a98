"""Behind a published port: does anything serve it in the container that has the address?

A container's addresses are in the kernel's tables of its network namespace, which /proc/PID/net shows of any process in
there (fib_trie, if_inet6). Where no process of this machine has the address it is another machine's, or not to be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from pathprobe.layers.listening import namespaces
from pathprobe.layers.listening.facts import Elsewhere
from pathprobe.layers.system import System, Unread, read_each

#: What stands below an own address in fib_trie (fib_trie_seq_show, net/ipv4/fib_trie.c).
_OWN = "host LOCAL"


def read(system: System, address: str, port: int, protocol: str) -> tuple[Elsewhere, ...] | None:
    """What serves the port where the address is; None where no namespace that may be seen has it."""
    wanted = ip_address(address)
    own = system.link("/proc/self/ns/net")
    names = namespaces.names(system)
    members, _ = namespaces.members(system)
    others = sorted(members.keys() - {own})
    tables = read_each(system, [own_addresses(members[namespace][0], wanted.version) for namespace in others])
    for namespace, table in zip(others, tables, strict=True):
        if any(ip_address(one) == wanted for one in listed(table, wanted.version)):
            sockets = namespaces.serving(system, members[namespace], port, protocol)
            path = names.get(namespace)
            return tuple(Elsewhere(socket=one, namespace=namespaces.name(path), path=path) for one in sockets)
    return None


def own_addresses(pid: int | str, version: int) -> str:
    """The file that lists the addresses of the network namespace that a process is in."""
    return f"/proc/{pid}/net/{'fib_trie' if version == 4 else 'if_inet6'}"


def listed(table: str | Unread, version: int) -> Iterator[str]:
    """The addresses in such a file."""
    if isinstance(table, Unread):
        return
    yield from _of_trie(table) if version == 4 else _of_interfaces(table)


def _of_trie(text: str) -> Iterator[str]:
    """``|-- 172.17.0.2`` stands above ``/32 host LOCAL``."""
    last = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "|--":
            last = words[1]
        elif last and line.strip().endswith(_OWN):
            yield last


def _of_interfaces(text: str) -> Iterator[str]:
    """The first column has the address in hexadecimal digits without colons."""
    for line in text.splitlines():
        digits = line.split(maxsplit=1)[:1]
        if digits and len(digits[0]) == 32:
            yield str(IPv6Address(bytes.fromhex(digits[0])))
