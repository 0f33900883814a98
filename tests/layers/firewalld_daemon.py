"""A firewalld of the test's own: its own bus, its own configuration, its rules in one namespace.

    with firewalld_in("server") as daemon, netns.inside("server"):
        daemon.command("--add-port=8080/tcp")

Needs ``privatise`` (fixture ``lab_host``) and the namespace. While it runs, ``firewall-cmd`` of this process's children
finds it in any namespace, for D-Bus goes by a socket in the file system. Nothing of it stays: it has a /run of its own,
where firewalld would make a folder, and a configuration in a temporary one; the machine's is neither read nor written.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pathprobe.lab import netns

NAME = "org.fedoraproject.FirewallD1"

#: Whoever can reach the socket may do anything: nobody but the test can.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""

CONF = """DefaultZone=public
FirewallBackend={backend}
"""

#: Seconds until a start is given up: it takes 0.2 on an idle machine.
PATIENCE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """``environment``: of who would talk to it. ``configuration``: its folder in the place of /etc/firewalld."""

    environment: Mapping[str, str]
    configuration: Path
    process: int

    def command(self, *words: str) -> str:
        """``firewall-cmd`` with these words; it has to succeed."""
        return self.shell(" ".join(["firewall-cmd", *words]))

    def shell(self, line: str) -> str:
        """A line as an operator would paste it."""
        done = subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, env=dict(self.environment), check=False
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout


@contextmanager
def firewalld_in(namespace: str, *, backend: str = "nftables") -> Iterator[Daemon]:
    """firewalld, ready to be asked, with the zones that its distribution brings; meanwhile os.environ leads to it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firewalld-")))
        configuration = folder / "configuration"
        configuration.mkdir()
        (configuration / "firewalld.conf").write_text(CONF.format(backend=backend))
        address = f"unix:path={folder}/bus"
        environment = netns._environment() | {"DBUS_SYSTEM_BUS_ADDRESS": address}
        _start_bus(stack, folder, environment)
        monitor = _start_monitor(stack, environment)
        with netns.inside(namespace):
            daemon = stack.enter_context(_started(_command(configuration), environment))
        _wait_for_name(monitor, daemon)
        stack.enter_context(_environment_set("DBUS_SYSTEM_BUS_ADDRESS", address))
        running = Daemon(environment=environment, configuration=configuration, process=daemon.pid)
        assert running.command("--state") == "running\n"
        yield running


def _command(configuration: Path) -> list[str]:
    daemon = f"firewalld --nofork --nopid --log-target console --system-config {configuration}"
    return ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs /run && exec {daemon}"]


def _start_bus(stack: ExitStack, folder: Path, environment: Mapping[str, str]) -> None:
    file = folder / "bus.conf"
    file.write_text(BUS.format(folder=folder))
    command = ["dbus-daemon", f"--config-file={file}", "--nofork", "--nopidfile", "--print-address=1"]
    bus = stack.enter_context(_started(command, environment))
    _read_until(bus, "unix:path=", bus)  # printed when it listens


def _start_monitor(stack: ExitStack, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    wanted = f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{NAME}'"
    monitor = stack.enter_context(_started(["dbus-monitor", "--system", wanted], environment))
    _read_until(monitor, "NameLost", monitor)  # it gives up its own name when it begins to listen
    return monitor


def _wait_for_name(monitor: subprocess.Popen[bytes], daemon: subprocess.Popen[bytes]) -> None:
    """It loads its rules after that; what it is asked meanwhile waits until it is ready to answer."""
    _read_until(monitor, NAME, daemon)


def _read_until(talking: subprocess.Popen[bytes], word: str, awaited: subprocess.Popen[bytes]) -> None:
    """Block until that program prints the word; the one that it is awaited of must not end meanwhile."""
    assert talking.stdout is not None
    end = os.pidfd_open(awaited.pid)
    said = b""
    try:
        while word.encode() not in said:
            ready, _, _ = select.select([talking.stdout, end], [], [], PATIENCE)
            if talking.stdout not in ready:
                raise AssertionError(f"{awaited.args!r} is not ready: {said.decode(errors='replace')}")
            piece = os.read(talking.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError(f"{talking.args!r} ended: {said.decode(errors='replace')}")
            said += piece
    finally:
        os.close(end)


@contextmanager
def _started(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Killed at the end, for nothing of it is to be kept: its rules go with their namespace."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _environment_set(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
