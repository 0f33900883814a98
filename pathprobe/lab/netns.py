"""How does a process get a private set of named network namespaces?

A named namespace is a bind mount on /run/netns/NAME (ip-netns(8)). In a mount namespace of our own,
with a tmpfs over /run/netns, such names exist only for this process and its children, and the kernel
takes everything away when the last of them exits, however it exits. Without root the same is done
inside a user namespace (user_namespaces(7)), in which this process is root; it then leaves the
host's network for an empty one, because the kernel would not let it come back from a node's.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAMES = Path("/run/netns")

# <linux/sched.h> and <linux/mount.h>; Python 3.11 has none of them.
_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2

_PACKAGES = {"ip": "iproute2", "nft": "nftables"}
_libc = ctypes.CDLL(None, use_errno=True)


class LabUnavailable(RuntimeError):
    """This host can not build a lab; the text says why and what to do about it."""


@functools.cache
def privatise() -> None:
    """Give this process mounts of its own, and if it is not root a user and network namespace too; once is enough.

    Call it before any thread is started: threads that exist keep the old mounts, and the kernel
    refuses a user namespace to a process that has any. Raises LabUnavailable.
    """
    _require_tools()
    if len(os.listdir("/proc/self/task")) > 1:
        raise LabUnavailable("this process has started threads already: build the lab before them")
    if os.geteuid() != 0:
        _become_root_in_a_user_namespace()
    try:
        _unshare(_CLONE_NEWNS)
        _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
        _cover_names()
    except OSError as error:
        raise LabUnavailable(
            f"this host does not let root make private mounts ({error}): in a container, start it with --privileged; "
            "as an ordinary user on Ubuntu, set sysctl kernel.apparmor_restrict_unprivileged_userns=0 or use sudo"
        ) from None


def _require_tools() -> None:
    for tool, package in _PACKAGES.items():
        if shutil.which(tool, path=_environment()["PATH"]) is None:
            raise LabUnavailable(f"the program {tool!r} is missing: install the package {package}")


def _become_root_in_a_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    try:
        _unshare(_CLONE_NEWUSER)
        # Without "deny" the kernel takes no gid_map from an ordinary user (CVE-2014-8989).
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        _unshare(_CLONE_NEWNET)
    except OSError as error:
        raise LabUnavailable(
            f"this host gives ordinary users no user namespace ({error}): use sudo, or allow them with sysctl "
            "user.max_user_namespaces=10000, on Debian also kernel.unprivileged_userns_clone=1"
        ) from None
    _run(["ip", "link", "set", "lo", "up"], "", where="a new namespace")


def _cover_names() -> None:
    if not NAMES.is_dir():
        try:
            NAMES.mkdir(parents=True)
        except OSError:
            _mount("tmpfs", "/run", "tmpfs", 0)
            NAMES.mkdir()
    _mount("tmpfs", str(NAMES), "tmpfs", 0)


def add(name: str) -> None:
    """Create the namespace NAME, as ``ip netns add`` does. Raises LabUnavailable when there is one already."""
    path = NAMES / name
    with _namespace_restored():
        _unshare(_CLONE_NEWNET)
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            raise LabUnavailable(f"a namespace {name!r} is there already: one lab at a time in a process") from None
        _mount("/proc/thread-self/ns/net", str(path), None, _MS_BIND)


def delete(name: str) -> None:
    """Take the name away; the namespace itself ends with the last socket or process inside."""
    path = NAMES / name
    _checked(_libc.umount2, str(path).encode(), _MNT_DETACH)
    path.unlink()


@contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread, and what it starts meanwhile, is in namespace NAME.

    A socket opened here stays here for life. Do not await inside: the whole thread has moved.
    """
    with _namespace_restored():
        descriptor = os.open(NAMES / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(_libc.setns, descriptor, _CLONE_NEWNET)
        finally:
            os.close(descriptor)
        yield


@contextmanager
def _namespace_restored() -> Iterator[None]:
    # thread-self, not self: the latter is the main thread's namespace, whoever asks.
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _checked(_libc.setns, before, _CLONE_NEWNET)
        os.close(before)


def run_ip(name: str, family: int, lines: Iterable[str]) -> None:
    """Run the lines as one ``ip -batch`` in namespace NAME. Raises LabUnavailable with what ip said."""
    with inside(name):
        _run(["ip", f"-{family}", "-batch", "-"], "".join(f"{line}\n" for line in lines), where=name)


def run_nft(name: str, ruleset: str) -> None:
    """Load a ruleset in namespace NAME. Raises LabUnavailable with what nft said."""
    with inside(name):
        _run(["nft", "-f", "-"], ruleset, where=name)


def _run(command: list[str], text: str, *, where: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=_environment(), check=False)
    if done.returncode != 0:
        raise LabUnavailable(f"{' '.join(command)} failed in {where}: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    # Debian keeps ip and nft in sbin, which is not on an ordinary user's PATH. C: messages as documented.
    return os.environ | {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin", "LC_ALL": "C"}


def _unshare(flags: int) -> None:
    _checked(_libc.unshare, flags)


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    octets = [None if text is None else text.encode() for text in (source, target, kind)]
    _checked(_libc.mount, *octets, ctypes.c_ulong(flags), None)


def _checked(call: Callable[..., int], *arguments: object) -> None:
    if call(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end_processes(name: str) -> None:
    """Kill what still runs in a namespace of ours: nothing outlives its network."""
    inode = os.stat(NAMES / name).st_ino
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _network_of(entry) == inode:
            with suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


def _network_of(process: Path) -> int | None:
    try:
        return os.stat(process / "ns" / "net").st_ino
    except OSError:
        return None  # it ended meanwhile, or is somebody else's
