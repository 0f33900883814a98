"""The table that makes nftables tell: what is in it, and which one was left behind."""

from __future__ import annotations

import pytest

from pathprobe.net.trace_table import left_over, ruleset

TABLES = """\
table inet filter
table inet pathprobe_trace_10
table inet pathprobe_trace_11
table ip pathprobe_trace_12
table inet pathprobe_trace_x
table inet pathprobe_trace_
"""


def test_only_tables_of_processes_that_are_gone_are_left_over() -> None:
    assert left_over(TABLES, lambda pid: pid == 11) == ["pathprobe_trace_10"]


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_table_is_one_line_for_the_port_and_has_an_owner_where_there_can_be_one(protocol: str, owned: bool) -> None:
    text = ruleset("pathprobe_trace_9", 8080, protocol, owned=owned)
    assert "\n" not in text
    assert f"{protocol} dport 8080 " in text
    assert f"{protocol} sport 8080 " in text
    assert ("flags owner;" in text) is owned
    assert text.count("limit rate") == 2
