"""How does a scenario become a real network, and go away again?

One namespace per node, veth pairs between them, the kernel's own forwarding, routing and filtering in
each. Everything that is opened is put on one stack and closed from there, also when building fails.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pathprobe.lab import netns, topology
from pathprobe.lab.boxes import rewriter
from pathprobe.lab.faults import ruleset
from pathprobe.lab.links import wait_until_running
from pathprobe.lab.services import UdpServices
from pathprobe.lab.tun import TunLink
from pathprobe.lab.used_up import use_up
from pathprobe.net.graph import Graph, Link
from pathprobe.net.scenario import Scenario


class Lab:
    """The network of a scenario, for as long as the context lasts; one at a time in a process.

    Entering makes this process's mounts private (see netns.privatise) and raises LabUnavailable,
    with the reason, when this host can not do it.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        netns.privatise()
        with ExitStack() as opened:
            self._build(opened)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def inside(self, node: str) -> AbstractContextManager[None]:
        """The calling thread is in a node's namespace: netns.inside. Raises LookupError for an unknown node."""
        if node not in self.scenario.nodes:
            raise LookupError(f"no node {node!r}; there are {', '.join(self.scenario.nodes)}")
        return netns.inside(node)

    def start(self, node: str, command: Sequence[str], **popen: Any) -> subprocess.Popen[Any]:
        """Start a command in a node; ``popen`` goes to subprocess. It does not outlive the lab."""
        with self.inside(node):
            return subprocess.Popen(command, **popen)

    def run(self, node: str, command: Sequence[str], **popen: Any) -> int:
        """Run a command in a node to its end and return its exit status."""
        return self.start(node, command, **popen).wait()

    def _build(self, opened: ExitStack) -> None:
        try:
            self._make_nodes(opened)
            self._make_links(opened)
            for node in self.scenario.nodes:
                netns.run_ip(node, self.scenario.family, topology.configuration(self.scenario, node))
            for node in self.scenario.nodes:
                self._finish(node)
            self._listen(opened)
            if self.scenario.used_up:
                with self.inside("client"):
                    use_up(self.scenario)
        except OSError as error:
            raise netns.LabUnavailable(f"this host can not build {self.scenario.name}: {error}") from error

    def _make_nodes(self, opened: ExitStack) -> None:
        for node in self.scenario.nodes:
            netns.add(node)
            opened.callback(netns.delete, node)
            opened.callback(netns.end_processes, node)
            with self.inside(node):
                _write_settings(topology.settings(self.scenario, node))

    def _make_links(self, opened: ExitStack) -> None:
        carried = topology.tun_links(self.scenario)
        for link in Graph(self.scenario).links:
            if link.ends in carried:
                opened.callback(self._carry(link).close)
        # From the client's namespace and not from ours, where an ordinary user may not make links.
        netns.run_ip(self.scenario.nodes[0], self.scenario.family, topology.veths(self.scenario))

    def _carry(self, link: Link) -> TunLink:
        ends = link.ends
        delay = next((delay for delay in self.scenario.delays if delay.on == ends.name), None)
        box = next((box for box in self.scenario.boxes if box.on == ends.name), None)
        left, right = (ends.left, f"to-{ends.right}"), (ends.right, f"to-{ends.left}")
        return TunLink(left, right, delay, rewriter(box, link))

    def _finish(self, node: str) -> None:
        devices = topology.devices(self.scenario, node)
        with self.inside(node):
            for device in devices:
                wait_until_running(device)
        rules = ruleset(self.scenario, node, ("lo", *devices))
        if rules:
            netns.run_nft(node, rules)

    def _listen(self, opened: ExitStack) -> None:
        with self.inside(self.scenario.serving):
            for port in self.scenario.listen:
                opened.enter_context(_listener(self.scenario.family, port))
            if self.scenario.services:
                opened.callback(UdpServices(self.scenario.family, self.scenario.services).close)


def _write_settings(settings: dict[str, str]) -> None:
    for name, value in settings.items():
        path = Path("/proc/sys", name)
        # A kernel without IPv6 has none of its settings, and needs none for an IPv4 network.
        if path.exists():
            path.write_text(value)


def _listener(family: int, port: int) -> socket.socket:
    """A socket whose kernel completes handshakes; nobody accepts them."""
    if family == 4:
        return socket.create_server(("0.0.0.0", port))
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("::", port))
    listener.listen()
    return listener
