"""A real sshd of the test's own, in one namespace: its own keys, its own configuration, its own accounts.

    with sshd_in("server", "10.77.0.1") as server, netns.inside("client"):
        SshMachine.connect(server.destination(), server.options())

Needs ``privatise`` (fixture ``lab_host``), root's own rights, and the namespace with its address up. ssh is to be
started inside a namespace from which that address is reached. The machine's /etc/ssh and everybody's ~/.ssh are neither
read nor written. Accounts: root, and USER, who is nobody and has a shell here. Nothing stays but the empty folder
/run/sshd, which Debian makes at each start of its own sshd too.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pathprobe.lab import netns
from pathprobe.layers.remote import Destination, SshOptions

USER = "nobody"

#: sshd insists on being started by its whole path.
SSHD = "/usr/sbin/sshd"

#: Where its unprivileged half is locked in: compiled into Debian's.
LOCKED_IN = Path("/run/sshd")

CONFIG = """
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
UseDNS no
PidFile none
PrintMotd no
PrintLastLog no
AcceptEnv none
"""

CLIENT_CONFIG = """
Host *
  IdentityFile {folder}/key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""

#: Over /etc/NAME, as long as sshd runs and for it alone. An account with "!" for a password is locked.
ACCOUNTS = {"passwd": "nobody:x:65534:65534:nobody:/:/bin/sh", "shadow": "nobody:*:20000:0:99999:7:::"}

#: Seconds until a start is given up, and until sessions have ended.
PATIENCE = 60

#: Octets of log that fit before anybody reads: some thousand logins'.
LOG_ROOM = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """``folder`` has ``config`` (the client's, for ``ssh -F``), ``key``, ``host_key.pub`` and ``known_hosts``."""

    address: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def destination(self, user: str = "root") -> Destination:
        return Destination(host=self.address, user=user, port=None if self.port == 22 else self.port)

    def given(self, user: str = "root") -> str:
        """``[user@]host[:port]``, as on a command line."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{user}@{host}:{self.port}"

    def options(self, *options: str, may_sudo: bool = False) -> SshOptions:
        """For SshMachine.connect; ``options`` as after -o."""
        return SshOptions(config=str(self.folder / "config"), options=options, may_sudo=may_sudo)

    @property
    def environment(self) -> Mapping[str, str]:
        """For a process of its own: whose ``ssh`` is ssh with the test's configuration."""
        return os.environ | {"PATH": f"{self.folder}/bin:{netns._environment()['PATH']}"}

    def sessions(self) -> list[int]:
        """Its processes beside the one that listens: of each login, with all that it started."""
        return [one.pid for one in psutil.Process(self.process.pid).children(recursive=True)]


@contextmanager
def sshd_in(
    namespace: str, address: str, *, port: int = 22, lines: Sequence[str] = (), sudoers: str = ""
) -> Iterator[Sshd]:
    """sshd, listening; ``lines`` of sshd_config(5), of which the first value counts; ``sudoers``: all of that file."""
    _require_whole_root()
    LOCKED_IN.mkdir(mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sshd-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # sshd reads the authorized keys as the user who comes
        _write(folder, address, port, lines, sudoers)
        with netns.inside(namespace):
            process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-ec", _script(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=netns._environment(),
            )
        running = Sshd(address=address, port=port, folder=folder, process=process)
        try:
            _wait_until_listening(process)
            yield running
        finally:
            _end(running)


def _require_whole_root() -> None:
    """In a user namespace sshd could become nobody else: it gives up at the first login."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        reason = "a real sshd needs root, not a user namespace: use sudo"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def _write(folder: Path, address: str, port: int, lines: Sequence[str], sudoers: str) -> None:
    for name in ("key", "host_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    given = CONFIG.format(folder=folder, address=address, port=port)
    path = f'SetEnv PATH="{netns._environment()["PATH"]}"\n'
    (folder / "sshd_config").write_text("\n".join(lines) + given + path)
    (folder / "config").write_text(CLIENT_CONFIG.format(folder=folder))
    know(folder, address, port, (folder / "host_key.pub").read_text())
    for name, account in ACCOUNTS.items():
        mine = Path("/etc", name).read_text().splitlines()
        kept = [line for line in mine if not line.startswith(("root:", f"{USER}:"))]
        root = "root:x:0:0:root:/root:/bin/sh" if name == "passwd" else "root:*:20000:0:99999:7:::"
        (folder / name).write_text("\n".join([root, account, *kept, ""]))
    (folder / "shadow").chmod(0o600)
    (folder / "sudoers").write_text(sudoers)
    (folder / "sudoers").chmod(0o440)
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n')
    (binaries / "ssh").chmod(0o755)


def know(folder: Path, address: str, port: int, key: str) -> None:
    """Let the client take this host key for that server's."""
    name = address if port == 22 else f"[{address}]:{port}"
    (folder / "known_hosts").write_text(f"{name} {key}")


def _script(folder: Path) -> str:
    """Mounts that only sshd and what it starts have."""
    names = [name for name in (*ACCOUNTS, "sudoers") if Path("/etc", name).exists()]
    mounts = "; ".join(f"mount --bind {folder}/{name} /etc/{name}" for name in names)
    return f"{mounts}; exec {SSHD} -D -e -f {folder}/sshd_config"


def _wait_until_listening(process: subprocess.Popen[bytes]) -> None:
    assert process.stderr is not None
    descriptor = process.stderr.fileno()
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, LOG_ROOM)
    said = b""
    while b"Server listening on" not in said:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        piece = os.read(descriptor, 65536) if ready else b""
        if not piece:
            raise AssertionError(f"sshd is not ready: {said.decode(errors='replace')}")
        said += piece


def _end(running: Sshd) -> None:
    with ExitStack() as stack:
        handles = []
        for session in running.sessions():
            with suppress(ProcessLookupError):  # it ended meanwhile
                handles.append(stack.enter_context(handle_of(session)))
        running.process.kill()
        for handle in handles:
            # By its handle, for its number may be another's by now.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            wait_until_ended(handle)
    with running.process:
        pass


@contextmanager
def handle_of(process: int) -> Iterator[int]:
    handle = os.pidfd_open(process)
    try:
        yield handle
    finally:
        os.close(handle)


def wait_until_ended(handle: int) -> None:
    """Return when it runs no more, whether or not its parent has heard of that."""
    ended, _, _ = select.select([handle], [], [], PATIENCE)
    assert ended, "a process did not end"
