"""How is a small program of ours run by the kernel at one of its tracepoints, and how does it tell what it saw?

bpf(2), without a library: a ring buffer that we share with the kernel (Documentation/bpf/ringbuf.rst), a program, and
its place. All three live as long as their descriptors do: however this process ends, nothing of them stays.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from dataclasses import dataclass

#: The number of bpf(2) by machine; where a machine is missing it is asm-generic's.
_SYSCALLS = {"x86_64": 321, "i686": 357, "i386": 357, "armv7l": 386, "ppc64le": 361, "ppc64": 361, "s390x": 351}
_GENERIC_SYSCALL = 280

_MAP_CREATE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 5, 17
_MAP_TYPE_RINGBUF, _PROG_TYPE_RAW_TRACEPOINT = 27, 17

_INSTRUCTION = struct.Struct("=BBhi")
_U64, _U32 = struct.Struct("=Q"), struct.Struct("=I")
#: A record's head in the ring: its length with two flags, and a number of the kernel's own.
_RECORD_HEAD = 8
_BUSY, _DISCARDED = 1 << 31, 1 << 30


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction; a jump names a label in ``to``. Registers and fields as in linux/bpf.h."""

    code: int
    target: int = 0
    source: int = 0
    offset: int = 0
    value: int = 0
    to: str = ""
    label: str = ""


def assemble(steps: list[Step]) -> bytes:
    """The octets of a program (an array of struct bpf_insn)."""
    places = {step.label: index for index, step in enumerate(steps) if step.label}
    return b"".join(
        _INSTRUCTION.pack(
            step.code,
            step.source << 4 | step.target,
            places[step.to] - index - 1 if step.to else step.offset,
            step.value,
        )
        for index, step in enumerate(steps)
    )


class SharedRing:
    """Records that a program hands out. Raises OSError where the kernel gives none."""

    def __init__(self, size: int) -> None:
        """``size`` in octets: a power of two, and whole pages."""
        self.lost = False
        self._size, self._page, self._at = size, mmap.PAGESIZE, 0
        self.descriptor = _bpf(_MAP_CREATE, struct.pack("=IIII", _MAP_TYPE_RINGBUF, 0, 0, size))
        try:
            self._ours = mmap.mmap(self.descriptor, self._page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self._theirs = mmap.mmap(
                self.descriptor, self._page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=self._page
            )
        except OSError:
            os.close(self.descriptor)
            raise

    def receive(self) -> list[bytes]:
        """The records that are there; ``lost`` becomes true where the ring was so full that some found no room."""
        records: list[bytes] = []
        (end,) = _U64.unpack_from(self._theirs, 0)
        while self._at < end:
            place = self._page + self._at % self._size
            (length,) = _U32.unpack_from(self._theirs, place)
            if length & _BUSY:
                break
            octets = length & ~_DISCARDED
            if not length & _DISCARDED:
                records.append(self._theirs[place + _RECORD_HEAD : place + _RECORD_HEAD + octets])
            step = _RECORD_HEAD + octets + -octets % 8
            self.lost = self.lost or end - self._at > self._size - step
            self._at += step
            _U64.pack_into(self._ours, 0, self._at)
        return records

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()
        os.close(self.descriptor)


def load(program: bytes) -> int:
    """The descriptor of a program for a raw tracepoint. Raises OSError, its text the verifier's last line."""
    try:
        return _load(program, None)
    except PermissionError:
        raise
    except OSError:
        # Asked for at once, a log that does not fit its buffer is an error of its own before Linux 6.4.
        log = ctypes.create_string_buffer(1 << 20)
        try:
            return _load(program, log)
        except OSError as error:
            said = [line for line in log.value.decode(errors="replace").split("\n") if line]
            lines = [line for line in said if not line.startswith("processed ")]
            raise OSError(error.errno, lines[-1] if lines else error.strerror) from None


def _load(program: bytes, log: ctypes.Array[ctypes.c_char] | None) -> int:
    octets = ctypes.create_string_buffer(program, len(program))
    license_ = ctypes.create_string_buffer(b"GPL")
    told = (1, len(log), ctypes.addressof(log)) if log else (0, 0, 0)
    attributes = struct.pack(
        "=IIQQIIQ",
        _PROG_TYPE_RAW_TRACEPOINT,
        len(program) // _INSTRUCTION.size,
        ctypes.addressof(octets),
        ctypes.addressof(license_),
        *told,
    )
    return _bpf(_PROG_LOAD, attributes)


def attach(program: int, tracepoint: str) -> int:
    """The descriptor that keeps a program at a tracepoint. Raises OSError."""
    name = ctypes.create_string_buffer(tracepoint.encode())
    return _bpf(_RAW_TRACEPOINT_OPEN, struct.pack("=QI", ctypes.addressof(name), program))


def _bpf(command: int, attributes: bytes) -> int:
    number = _SYSCALLS.get(platform.machine(), _GENERIC_SYSCALL)
    # The kernel knows more attributes than we do, and takes those that are missing for 0.
    buffer = ctypes.create_string_buffer(attributes + bytes(-len(attributes) % 8))
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(number, command, buffer, len(buffer) - 1)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code) if code != errno.ENOSYS else "this kernel has no bpf(2)")
    return int(descriptor)
