"""May this user bind so low a port?

"Permission denied" has a plainer reason than SELinux: below net.ipv4.ip_unprivileged_port_start (1024 unless changed)
bind asks for CAP_NET_BIND_SERVICE (inet_bind, net/ipv4/af_inet.c; capabilities(7)), which root has and others are
given.
"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.layers import Evidence, Layer, Status
from pathprobe.layers.mandatory_access.circumstances import Circumstances, layer
from pathprobe.layers.mandatory_access.facts import Facts

_SETTING = "net.ipv4.ip_unprivileged_port_start"


def judge(facts: Facts, known: Circumstances) -> Layer | None:
    """None where there is nothing to say: it listens, it is root's, the port is high enough, or the user not known."""
    if known.listening or known.user in ("", "root") or facts.port >= facts.privileged_below:
        return None
    summary = (
        f"{known.user} may bind {facts.protocol} port {facts.port} only with CAP_NET_BIND_SERVICE: "
        f"{_SETTING} is {facts.privileged_below}"
    )
    return replace(
        layer(Status.WARN, summary),
        why="A service that starts as root and changes its user later is not concerned.",
        evidence=(Evidence(source=f"/proc/sys/{_SETTING.replace('.', '/')}", text=str(facts.privileged_below)),),
        fix=(
            "systemctl edit SERVICE  # add: [Service] AmbientCapabilities=CAP_NET_BIND_SERVICE",
            f"sysctl -w {_SETTING}={facts.port}",
        ),
    )
