"""What the kernel says of itself is read from where it says it, and is None where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathprobe.core.host_facts import HostFacts
from pathprobe.net.host import host_facts


def write(proc: Path, name: str, text: str) -> None:
    path = proc / "sys/net" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_connection_table_is_read_with_its_limit(tmp_path: Path) -> None:
    write(tmp_path, "netfilter/nf_conntrack_count", "65536\n")
    write(tmp_path, "netfilter/nf_conntrack_max", "65536\n")
    facts = host_facts(interface=None, arrival=None, proc=tmp_path)
    assert (facts.conntrack_count, facts.conntrack_max) == (65536, 65536)
    assert facts.table_is_full


@pytest.mark.parametrize(("for_all", "own", "told"), [("0", "1", 1), ("2", "1", 2), ("1", "0", 1), ("0", "0", 0)])
def test_the_stricter_of_two_reverse_path_settings_counts(for_all: str, own: str, told: int, tmp_path: Path) -> None:
    write(tmp_path, "ipv4/conf/all/rp_filter", for_all)
    write(tmp_path, "ipv4/conf/eth1/rp_filter", own)
    facts = host_facts(interface=None, arrival="eth1", proc=tmp_path)
    assert facts.rp_filter == told
    assert facts.is_strict is (told == 1)


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert host_facts(interface=None, arrival=None, proc=tmp_path) == HostFacts()
    assert host_facts(interface="no-such-device", arrival="eth1", proc=tmp_path) == HostFacts(
        interface="no-such-device", arrival="eth1"
    )


def test_what_is_no_number_is_not_known(tmp_path: Path) -> None:
    write(tmp_path, "netfilter/nf_conntrack_count", "many")
    assert host_facts(interface=None, arrival=None, proc=tmp_path).conntrack_count is None


def test_loopback_is_up_and_running(tmp_path: Path) -> None:
    facts = host_facts(interface="lo", arrival=None, proc=tmp_path)
    assert (facts.up, facts.running) == (True, True)
