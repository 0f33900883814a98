"""How do other tools' packets become fixtures?

tcpdump listens where the recording says, the commands run on the client, and what was heard is kept beside what can
be told from it. Everything happens inside the lab's namespaces.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from pathprobe.lab.netns import LabUnavailable
from pathprobe.lab.network import Lab
from pathprobe.lab.recordings import Format, Listener, Question, Recording
from pathprobe.lab.tcp_services import TcpServices
from pathprobe.net.scenario import Scenario

EXPECTED = "expected.json"

#: Seconds that a command may take; each is told by its own options to end long before.
_LONGEST = 60.0
#: Seconds that tcpdump goes on after the last command: answers and farewells are still on their way.
_AFTERWARDS = 0.4

#: The tools -> the option that makes them say their version, and their Debian package.
TOOLS = {
    "curl": ("--version", "curl"),
    "dig": ("-v", "bind9-dnsutils"),
    "editcap": ("--version", "wireshark-common"),
    "hping3": ("--version", "hping3"),
    "mtr": ("--version", "mtr-tiny"),
    "nmap": ("--version", "nmap"),
    "ping": ("-V", "iputils-ping"),
    "scamper": ("-v", "scamper"),
    "tcpdump": ("--version", "tcpdump"),
    "tcptraceroute.mt": ("-v", "tcptraceroute"),
    "traceroute": ("--version", "traceroute"),
}


def listen(recording: Recording, directory: Path) -> None:
    """Record once more. Raises LabUnavailable where a tool is missing or tcpdump lost packets."""
    tools = {name: _version(name) for name in _tools(recording)}
    folder = directory / recording.folder
    folder.mkdir(parents=True, exist_ok=True)
    with Lab(recording.scenario) as lab, ExitStack() as opened:
        if recording.servers:
            with lab.inside(recording.scenario.serving):
                opened.callback(TcpServices(recording.scenario.family, recording.servers).close)
        for listener in recording.listeners:
            opened.enter_context(_listening(lab, listener, folder / listener.file))
        for command in recording.commands:
            _run(lab, command.format(target=recording.scenario.destination_address))
    text = json.dumps(expected(recording, tools), indent=2) + "\n"
    (folder / EXPECTED).write_text(text, "utf-8")


def _run(lab: Lab, command: str) -> None:
    process = lab.start(
        "client", shlex.split(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(_LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise LabUnavailable(f"{command!r} did not end in {_LONGEST:.0f} s") from None


@contextmanager
def _listening(lab: Lab, listener: Listener, path: Path) -> Iterator[None]:
    """tcpdump is ready when the block begins, and has written everything when it has ended; nothing if that fails."""
    fresh = path.with_name(f".{path.name}")
    try:
        with fresh.open("wb") as stream, _tcpdump(lab, listener, stream):
            yield
            time.sleep(_AFTERWARDS)
        _keep(listener, fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _tcpdump(lab: Lab, listener: Listener, stream: IO[bytes]) -> Iterator[None]:
    tcpdump = lab.start(listener.node, listener.command, stdout=stream, stderr=subprocess.PIPE, text=True)
    assert tcpdump.stderr is not None
    try:
        _wait_until_ready(tcpdump.stderr)
        yield
    finally:
        with suppress(ProcessLookupError):
            tcpdump.send_signal(signal.SIGINT)
        said = tcpdump.stderr.read()
        tcpdump.stderr.close()
        tcpdump.wait()
    if "\n0 packets dropped by kernel" not in f"\n{said}":
        raise LabUnavailable(f"tcpdump on {listener.node} lost packets: {said.strip()}")


def _wait_until_ready(said: IO[str]) -> None:
    lines = []
    for line in said:
        lines.append(line)
        if "listening on" in line:
            return
    raise LabUnavailable(f"tcpdump does not listen: {''.join(lines).strip()}")


def _keep(listener: Listener, fresh: Path, path: Path) -> None:
    if listener.format is Format.PCAPNG:
        subprocess.run(["editcap", "-F", "pcapng", str(fresh), str(path)], check=True)
    else:
        fresh.replace(path)


# ---- what stands beside it


def expected(recording: Recording, tools: Mapping[str, str]) -> dict[str, object]:
    """How the recording came to be and what can be told from it; ``tools``: their versions."""
    scenario = recording.scenario
    return {
        "recording": recording.name,
        "scenario": scenario.name,
        "summary": recording.summary,
        "commands": [command.format(target=scenario.destination_address) for command in recording.commands],
        "listened": {
            one.file: f"on {one.node}: {shlex.join(one.command)}"
            + (" | editcap -F pcapng" if one.format is Format.PCAPNG else "")
            for one in recording.listeners
        },
        "tools": dict(sorted(tools.items())),
        "questions": [_expected(question, scenario) for question in recording.questions],
    }


def _expected(question: Question, scenario: Scenario) -> dict[str, object]:
    places = {
        name: ttl if ttl is None else {"ttl": ttl, "address": _address(name, ttl, question, scenario)}
        for name, ttl in question.places.items()
    }
    target = {"address": scenario.destination_address, "port": question.port, "protocol": question.protocol}
    return {"target": target, **question.fields, **places}


def _address(place: str, ttl: int, question: Question, scenario: Scenario) -> str | None:
    return None if ttl == 0 or place in question.unnamed else scenario.hop_address(ttl)


# ---- the tools


def _tools(recording: Recording) -> set[str]:
    words = {word for command in recording.commands for word in re.split(r"[\s']+", command)}
    converts = any(one.format is Format.PCAPNG for one in recording.listeners)
    return words & TOOLS.keys() | {"tcpdump"} | ({"editcap"} if converts else set())


def _version(tool: str) -> str:
    """The first thing that looks like a version in what the tool says of itself. Raises LabUnavailable without it."""
    option, package = TOOLS[tool]
    if shutil.which(tool) is None:
        raise LabUnavailable(
            f"the program {tool!r} is missing: install the package {package}, or all with make recorders"
        )
    said = subprocess.run([tool, option], capture_output=True, text=True, check=False)
    found = re.search(r"\d+[\d.]*\d[\w.-]*", said.stdout + said.stderr)
    return found.group() if found else "unknown"
