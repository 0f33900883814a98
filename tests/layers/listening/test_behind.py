"""Behind a published port: whose address is it, and does anything listen there?"""

from __future__ import annotations

import pytest

from pathprobe.layers.listening import behind
from pathprobe.layers.system import Recorded, Unread

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
Local:
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.0
           /16 link UNICAST
        |-- 172.17.0.2
           /32 host LOCAL
"""
INTERFACES = "fd000000000000000000000000000002 04 40 00 82     eth0\n"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LISTENS = "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"


def machine(**files: str | Unread) -> Recorded:
    """Process 1 is here, 7 in a container that has 172.17.0.2 and fd00::2."""
    inside = {"fib_trie": TRIE, "if_inet6": INTERFACES, "tcp": HEAD + LISTENS, "tcp6": HEAD, **files}
    return Recorded(
        files={"/proc/1/comm": "init", **{f"/proc/7/net/{name}": text for name, text in inside.items()}},
        links={"/proc/self/ns/net": "net:[1]", "/proc/1/ns/net": "net:[1]", "/proc/7/ns/net": "net:[2]"},
    )


@pytest.mark.parametrize("address", ["172.17.0.2", "fd00::2"])
def test_the_namespace_that_has_the_address_is_looked_into(address: str) -> None:
    found = behind.read(machine(), address, 80, "tcp")
    assert found is not None
    assert [(one.socket.address, one.socket.port) for one in found] == [("0.0.0.0", 80)]


def test_a_container_in_which_nothing_listens_is_not_an_unknown_one() -> None:
    assert behind.read(machine(), "172.17.0.2", 81, "tcp") == ()


@pytest.mark.parametrize("address", ["172.17.0.0", "172.17.0.9", "fd00::9"])
def test_an_address_that_no_namespace_here_has_is_not_known(address: str) -> None:
    assert behind.read(machine(), address, 80, "tcp") is None


def test_a_process_that_may_not_be_looked_into_tells_nothing() -> None:
    hidden = machine(fib_trie=Unread(reason="permission denied"))
    assert behind.read(hidden, "172.17.0.2", 80, "tcp") is None
