"""On what machine, with what programs, by what clock was it asked?

What whoever reads the ticket may need, and nothing that is nobody's business: no environment variables, no users.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version

from pathprobe import __version__
from pathprobe.core.report import Report, Target
from pathprobe.net.routes import NoRoute, NotOneHost, Route, lookup

#: Octets that ``timedatectl`` would ask for: this file is there while systemd-timesyncd holds the clock.
_SYNCHRONIZED = "/run/systemd/timesync/synchronized"


def surroundings(report: Report, *, command: str, routes: Iterable[str]) -> dict[str, str]:
    """Name -> value, in the order of reading; ``command`` as it may be told, ``routes`` one line a target."""
    system = os.uname()
    started = datetime.fromtimestamp(report.started).astimezone()
    known = {
        "command": command,
        "host": report.vantage.hostname or "",
        "interface": report.vantage.interface or "",
        "source": report.vantage.source or "",
        "route": "\n".join(routes),
        "started": started.isoformat(sep=" ", timespec="milliseconds"),
        "time zone": _time_zone(started),
        "clock": "kept by systemd-timesyncd" if os.path.exists(_SYNCHRONIZED) else "",
        "pathprobe": __version__,
        "Python": platform.python_version(),
        "scapy": version("scapy"),
        "kernel": f"{system.sysname} {system.release} {system.machine}",
    }
    return {name: value for name, value in known.items() if value}


def _time_zone(moment: datetime) -> str:
    name = time.tzname[bool(moment.dst())]
    return f"{name} (UTC{moment.strftime('%z')})"


def route_of(target: Target, *, source: str | None, interface: str | None) -> Route | str:
    """The kernel's choice for a target now, or why there is none."""
    try:
        return lookup(target.address, source=source, interface=interface or target.zone)
    except NoRoute as error:
        return f"{target.address}: this host has no route ({error.error})"
    except NotOneHost:
        return f"{target.address}: a broadcast address here"
    except OSError as error:
        return f"{target.address}: not known ({error.strerror or error})"
