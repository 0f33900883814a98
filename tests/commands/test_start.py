"""What is loaded before the first packet leaves? Every module costs a millisecond or two, scapy a tenth of a second."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_overview_of_commands_loads_neither_scapy_nor_asyncio() -> None:
    loaded = loaded_after("import pathprobe.commands")
    assert "click" in loaded
    assert loaded.isdisjoint({"scapy", "asyncio", "jinja2", "pathprobe.core.report"})


def test_a_first_look_at_many_loads_nothing_that_only_a_second_one_needs() -> None:
    loaded = loaded_after("import pathprobe.commands.batch\nimport pathprobe.commands.batch_run")
    assert "pathprobe.engine.sweep" in loaded
    assert loaded.isdisjoint(
        {"asyncio", "scapy", "tabulate", "concurrent.futures", "pathprobe.engine.diagnose", "pathprobe.output.json"}
    )


@pytest.mark.parametrize("renderer", ["table", "json"])
def test_a_live_run_loads_nothing_that_only_captures_and_tickets_need(renderer: str) -> None:
    loaded = loaded_after(f"import pathprobe.commands.live\nimport pathprobe.output.{renderer}")
    assert "pathprobe.engine.diagnose" in loaded
    unwanted = (
        "pathprobe.core.ends.",
        "pathprobe.core.comparison.",
        "pathprobe.engine.excerpt",
        "pathprobe.wire.captures",
    )
    assert {name for name in loaded if name.startswith(unwanted)} <= {
        "pathprobe.core.ends.fate",
        "pathprobe.core.ends.crossings",
    }
    assert loaded.isdisjoint({"jinja2", "scapy", "pathprobe.engine.surroundings"})


@pytest.mark.parametrize(("kind", "port"), [("tcp", 8080), ("icmp", 0), ("udp", 9)])
def test_headers_and_plain_payloads_are_made_without_scapy(kind: str, port: int) -> None:
    statement = f"""
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.wire.craft import Crafter
flow = Flow(kind=Kind("{kind}"), source="::1", destination="::1", source_port=0, destination_port={port})
probe = Probe(id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=3, attempt=1, token=1, identification=7)
Crafter().craft(probe)
"""
    assert "scapy" not in loaded_after(statement)


def test_a_conversation_loads_neither_scapy_nor_asyncio_nor_grpc() -> None:
    loaded = loaded_after("import pathprobe.commands.app\nimport pathprobe.layers.app")
    assert "h11" in loaded
    assert loaded.isdisjoint({"scapy", "asyncio", "grpc"})
