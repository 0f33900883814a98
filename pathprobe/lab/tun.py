"""How do packets cross a link that has no Ethernet?

Two tun devices (Documentation/networking/tuntap.rst) in two namespaces, and a thread that carries
each packet from one to the other. Nothing is queued here: a packet that the other side can not take
now is lost, as on a wire.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import threading
from contextlib import suppress

from pathprobe.lab import netns

# <linux/if_tun.h>
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000

#: The largest IP packet, so that no read cuts one short.
_LARGEST_PACKET = 65535


class TunLink:
    """A point-to-point link between two namespaces, from construction until ``close``."""

    def __init__(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        """Each end is (namespace, device name). Raises LabUnavailable when this host gives us no tun device."""
        self._descriptors: list[int] = []
        try:
            for end in (left, right):
                self._descriptors.append(_tun(*end))
        except OSError as error:
            self._close_descriptors()
            raise netns.LabUnavailable(
                f"no tun device ({error}): load the module tun and let this user open /dev/net/tun"
            ) from None
        self._stop_reader, self._stop_writer = os.pipe()
        self._descriptors += [self._stop_reader, self._stop_writer]
        self._thread = threading.Thread(target=self._forward, name="tun-link", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop forwarding; the devices vanish with their descriptors."""
        os.write(self._stop_writer, b"x")
        self._thread.join()
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)

    def _forward(self) -> None:
        left, right = self._descriptors[:2]
        other_end = {left: right, right: left}
        poll = select.poll()
        for descriptor in (left, right, self._stop_reader):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, events in poll.poll():
                # Without POLLIN: the device was deleted under our hands, and would be reported for ever.
                if descriptor == self._stop_reader or not events & select.POLLIN:
                    return
                _carry(descriptor, other_end[descriptor])


def _carry(source: int, destination: int) -> None:
    # EAGAIN: nothing there after all, or no room. EIO: the other device is down.
    with suppress(OSError):
        os.write(destination, os.read(source, _LARGEST_PACKET))


def _tun(namespace: str, device: str) -> int:
    with netns.inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
        except OSError:
            os.close(descriptor)
            raise
    return descriptor
