"""How do packets cross a link that has no Ethernet?

Two tun devices (Documentation/networking/tuntap.rst) in two namespaces, and a thread that carries
each packet from one to the other, through the box on the link if there is one, at once or after the
link's delay. A packet that the other side can not take then is lost, as on a wire.
"""

from __future__ import annotations

import fcntl
import heapq
import itertools
import os
import select
import struct
import threading
import time
from contextlib import suppress
from random import Random

from pathprobe.lab import netns
from pathprobe.lab.boxes import Crossing, Rewriter
from pathprobe.net.scenario import Delay

# <linux/if_tun.h>
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000

#: The largest IP packet, so that no read cuts one short.
_LARGEST_PACKET = 65535

#: Packets under way on a slow link, both directions together; the next one is lost (netem's own default limit).
_MOST_UNDER_WAY = 1000


class TunLink:
    """A point-to-point link between two namespaces, from construction until ``close``."""

    def __init__(self, left: tuple[str, str], right: tuple[str, str], delay: Delay | None, rewrite: Rewriter) -> None:
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
        self._under_way = _UnderWay(delay)
        self._rewrite = rewrite
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
        poll = select.poll()
        for descriptor in (left, right, self._stop_reader):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, events in poll.poll(self._under_way.milliseconds_to_next(time.monotonic())):
                # Without POLLIN: the device was deleted under our hands, and would be reported for ever.
                if descriptor == self._stop_reader or not events & select.POLLIN:
                    return
                # EAGAIN: nothing there after all. EIO: the device is down.
                with suppress(OSError):
                    crossing = Crossing(os.read(descriptor, _LARGEST_PACKET), outwards=descriptor == left)
                    for going in self._rewrite(crossing):
                        self._under_way.add(time.monotonic(), right if going.outwards else left, going.octets)
            for destination, packet in self._under_way.arrived(time.monotonic()):
                # EAGAIN: no room. EIO: the other device is down.
                with suppress(OSError):
                    os.write(destination, packet)


class _UnderWay:
    """The packets on a link. Times are seconds on any one clock."""

    def __init__(self, delay: Delay | None, rng: Random | None = None) -> None:
        self._delay = delay.delay_ms / 1000 if delay else 0.0
        self._jitter = delay.jitter_ms / 1000 if delay else 0.0
        self._random = rng or Random()
        self._order = itertools.count()
        self._packets: list[tuple[float, int, int, bytes]] = []

    def add(self, now: float, destination: int, packet: bytes) -> None:
        """A packet enters the link; without room it is lost."""
        if len(self._packets) < _MOST_UNDER_WAY:
            due = now + self._delay + self._random.uniform(0, self._jitter)
            heapq.heappush(self._packets, (due, next(self._order), destination, packet))

    def arrived(self, now: float) -> list[tuple[int, bytes]]:
        """What is at its destination by now, in the order of arrival."""
        arrived = []
        while self._packets and self._packets[0][0] <= now:
            _, _, destination, packet = heapq.heappop(self._packets)
            arrived.append((destination, packet))
        return arrived

    def milliseconds_to_next(self, now: float) -> float | None:
        """Until the next packet arrives, for poll(); None when there is none."""
        return max(0.0, self._packets[0][0] - now) * 1000 if self._packets else None


def _tun(namespace: str, device: str) -> int:
    with netns.inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
        except OSError:
            os.close(descriptor)
            raise
    return descriptor
