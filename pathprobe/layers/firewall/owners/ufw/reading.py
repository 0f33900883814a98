"""What has ufw written on this machine? Its ``status`` is root's alone and asks the same files."""

from __future__ import annotations

from pathprobe.layers.firewall.owners.ufw import rules
from pathprobe.layers.firewall.owners.ufw.rules import Ufw, UfwRule
from pathprobe.layers.system import System, Unread

CONF = "/etc/ufw/ufw.conf"
DEFAULTS = "/etc/default/ufw"
FILES = {4: "/etc/ufw/user.rules", 6: "/etc/ufw/user6.rules"}


def read(system: System) -> Ufw | Unread | None:
    """None: there is no ufw on this machine."""
    conf = system.read(CONF)
    if isinstance(conf, Unread):
        return None if conf.is_missing else conf
    defaults = system.read(DEFAULTS)
    found: dict[int, tuple[UfwRule, ...] | Unread] = {}
    unclear: list[str] = []
    for version, path in FILES.items():
        text = system.read(path)
        if isinstance(text, Unread):
            found[version] = text
        else:
            found[version], not_understood = rules.rules(text, version)
            unclear.extend(not_understood)
    return Ufw(
        is_enabled=rules.settings(conf).get("ENABLED", "no").lower() == "yes",
        rules=found,
        defaults={} if isinstance(defaults, Unread) else rules.settings(defaults),
        unclear=tuple(unclear),
    )
