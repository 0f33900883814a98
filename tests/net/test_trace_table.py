"""The table that makes nftables tell: what is in it, and which one was left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pathprobe.net import trace_table
from pathprobe.net.trace_table import NoTrace, TraceTable, left_over, rules_of, ruleset

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


HANGS = "exec sleep 1000"
HANGS_AT_DELETE = 'case " $* " in *" delete "*) exec sleep 1000;; esac'


def fake_nft(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    path = folder / "nft"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(trace_table, "_PATIENCE", 0.05)
    monkeypatch.setattr(trace_table, "_TO_END", 0.05)


def test_an_nft_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_nft(monkeypatch, tmp_path, HANGS)
    with pytest.raises(NoTrace, match=r"^nft does not answer$"):
        TraceTable(8080, "tcp")
    with pytest.raises(NoTrace, match=r"^nft does not answer$"):
        rules_of("inet", "filter")


@pytest.mark.parametrize("word", ["list", "-i", "-f"])
def test_an_nft_that_does_not_answer_does_not_keep_one_from_stopping(
    word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The wish to stop comes when that nft has begun."""
    os.mkfifo(tmp_path / "stop")
    stop = os.open(tmp_path / "stop", os.O_RDWR)
    fake_nft(monkeypatch, tmp_path, f'case " $* " in *" {word} "*) echo x > {tmp_path}/stop; exec sleep 1000;; esac')
    monkeypatch.setattr(trace_table, "_PATIENCE", 1000.0)
    monkeypatch.setattr(trace_table, "_TO_HOLD", 1000.0)
    with pytest.raises(NoTrace, match="interrupted before nft"):
        TraceTable(8080, "tcp", stop=stop)
    os.close(stop)


def test_a_table_that_could_not_be_removed_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trace_table, "_hold", lambda *_: None)
    fake_nft(monkeypatch, tmp_path, HANGS_AT_DELETE)
    monkeypatch.setattr(trace_table, "_PATIENCE", 10.0)
    table = TraceTable(8080, "tcp")
    monkeypatch.setattr(trace_table, "_PATIENCE", 0.05)
    with pytest.raises(NoTrace, match=f"; to remove it: nft delete table inet {table.name}"):
        table.close()
