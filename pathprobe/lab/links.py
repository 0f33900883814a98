"""When does a link that was just brought up carry packets?

The end that is opened first has no carrier yet, so the kernel gives it a working queue only later,
from the linkwatch work queue (net/core/link_watch.c); until then it throws packets away. IFF_RUNNING
is set by the same piece of work, under the rtnl lock.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import time

# <linux/sockios.h>, <linux/if.h>; struct ifreq is a name of 16 octets and a union of 24.
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_RUNNING = 0x8913, 0x8914, 0x40
_IFREQ = struct.Struct("16sH22x")

#: Seconds. It takes about a millisecond; the bound is for a kernel that never says so.
_LONGEST_WAIT, _INTERVAL = 5.0, 0.0005


def wait_until_running(device: str) -> None:
    """Return when ``device``, in the caller's namespace, carries packets. Raises OSError when it never does."""
    deadline = time.monotonic() + _LONGEST_WAIT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        while not (flags := _flags(control, device)) & _IFF_RUNNING:
            if time.monotonic() > deadline:
                raise OSError(f"the link {device} did not come up in {_LONGEST_WAIT} s")
            time.sleep(_INTERVAL)
        # Changes nothing, but waits for the lock that linkwatch holds until the queue works.
        fcntl.ioctl(control, _SIOCSIFFLAGS, _IFREQ.pack(device.encode(), flags))


def _flags(control: socket.socket, device: str) -> int:
    answer = fcntl.ioctl(control, _SIOCGIFFLAGS, _IFREQ.pack(device.encode(), 0))
    flags: int = _IFREQ.unpack(answer)[1]
    return flags
