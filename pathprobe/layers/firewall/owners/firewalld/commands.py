"""With which ``firewall-cmd`` lines is a port opened?

The usual way writes the permanent configuration and loads it. A reload throws away what only the running configuration
has; where there is any such thing, both are written instead.
"""

from __future__ import annotations

import shlex

from pathprobe.layers.findings import either
from pathprobe.layers.firewall.owners.firewalld.zones import Configuration, Firewalld, Zone
from pathprobe.layers.firewall.owners.owner import Question
from pathprobe.layers.system import Unread

RELOAD = "firewall-cmd --reload"
PANIC_OFF = "firewall-cmd --panic-off"

#: Services that firewalld brings and that are one port each: what people would rather name than its number.
_SERVICES = {
    (20, "tcp"): "ftp",
    (21, "tcp"): "ftp",
    (22, "tcp"): "ssh",
    (25, "tcp"): "smtp",
    (53, "tcp"): "dns",
    (53, "udp"): "dns",
    (80, "tcp"): "http",
    (110, "tcp"): "pop3",
    (123, "udp"): "ntp",
    (143, "tcp"): "imap",
    (161, "udp"): "snmp",
    (389, "tcp"): "ldap",
    (443, "tcp"): "https",
    (443, "udp"): "http3",
    (465, "tcp"): "smtps",
    (514, "udp"): "syslog",
    (587, "tcp"): "smtp-submission",
    (636, "tcp"): "ldaps",
    (993, "tcp"): "imaps",
    (995, "tcp"): "pop3s",
    (2049, "tcp"): "nfs",
    (3306, "tcp"): "mysql",
    (5353, "udp"): "mdns",
    (5432, "tcp"): "postgresql",
    (6379, "tcp"): "redis",
    (6443, "tcp"): "kube-apiserver",
    (9090, "tcp"): "cockpit",
    (9200, "tcp"): "elasticsearch",
    (51820, "udp"): "wireguard",
}


def opening(firewalld: Firewalld, zone: str, question: Question) -> tuple[str, ...]:
    """Let the port into the zone: by number, by its service's name, or for the source alone."""
    for_all = [f"--add-port={question.named}"]
    service = _SERVICES.get((question.port, question.protocol))
    for_all += [f"--add-service={service}"] if service else []
    for_one = f"--add-rich-rule={shlex.quote(_rule_for_source(question))}"
    options = [for_one] if question.only_source else [*for_all, *([for_one] if question.source else [])]
    return either(lasting(firewalld, in_zone(firewalld, zone, option)) for option in options)


def _rule_for_source(question: Question) -> str:
    family = "ipv6" if question.of_ipv6 else "ipv4"
    port = f'port port="{question.port}" protocol="{question.protocol}"'
    return f'rule family="{family}" source address="{question.client}" {port} accept'


def in_zone(firewalld: Firewalld, zone: str, option: str) -> str:
    """The default zone needs no name."""
    return option if zone == firewalld.default_zone else f"--zone={shlex.quote(zone)} {option}"


def lasting(firewalld: Firewalld, options: str) -> str:
    """Now and for good."""
    if not firewalld.is_running:
        return f"firewall-offline-cmd {options}"
    if has_unsaved(firewalld):
        return f"firewall-cmd {options} && firewall-cmd --permanent {options}"
    return f"firewall-cmd --permanent {options} && {RELOAD}"


def has_unsaved(firewalld: Firewalld) -> bool:
    """Does the running configuration have what a reload would throw away?

    Interfaces do not count: NetworkManager puts them into their zones again.
    """
    runtime, permanent = firewalld.runtime, firewalld.permanent
    if isinstance(runtime, Unread) or isinstance(permanent, Unread):
        return False
    return any(_has_more(zone, permanent) for zone in runtime.zones.values()) or bool(
        set(runtime.direct) - set(permanent.direct)
    )


def _has_more(zone: Zone, permanent: Configuration) -> bool:
    kept = permanent.zones.get(zone.name)
    if kept is None:
        return True
    now, then = zone.holds, kept.holds
    pairs = (
        (now.services, then.services),
        (now.ports, then.ports),
        (now.protocols, then.protocols),
        (now.source_ports, then.source_ports),
        (now.forward_ports, then.forward_ports),
        ([rule.text for rule in now.rich_rules], [rule.text for rule in then.rich_rules]),
        (zone.sources, kept.sources),
    )
    return zone.target != kept.target or any(set(map(str, more)) - set(map(str, less)) for more, less in pairs)


def loading(firewalld: Firewalld, zone: str, question: Question) -> tuple[str, ...]:
    """Let hold what is written down already."""
    if has_unsaved(firewalld):
        return either((f"firewall-cmd {in_zone(firewalld, zone, f'--add-port={question.named}')}", RELOAD))
    return (RELOAD,)


def keeping(firewalld: Firewalld, zone: str, question: Question) -> tuple[str, ...]:
    """Write down what already holds."""
    option = in_zone(firewalld, zone, f"--add-port={question.named}")
    return either((f"firewall-cmd --permanent {option}", "firewall-cmd --runtime-to-permanent"))


def removing_rule(firewalld: Firewalld, zone: str, text: str) -> str:
    """From where it stands: the permanent configuration may have it, or the running one alone."""
    options = in_zone(firewalld, zone, f"--remove-rich-rule={shlex.quote(text)}")
    permanent = firewalld.permanent
    kept = None if isinstance(permanent, Unread) else permanent.zones.get(zone)
    if kept is not None and all(rule.text != text for rule in kept.holds.rich_rules):
        return f"firewall-cmd {options}"
    return lasting(firewalld, options)


def removing_direct(firewalld: Firewalld, line: str) -> str:
    option = f"--direct --remove-rule {line}"
    permanent = firewalld.permanent
    if not isinstance(permanent, Unread) and line not in permanent.direct:
        return f"firewall-cmd {option}"
    return lasting(firewalld, option)


def mending_policy(firewalld: Firewalld, line: str, question: Question) -> tuple[str, ...]:
    """``line``: what of the policy keeps the port out: "policy NAME: target DROP", or a rich rule of it."""
    name, _, what = line.removeprefix("policy ").partition(": ")
    if what.startswith("target "):
        return (opening_policy(firewalld, name, question),)
    return (lasting(firewalld, f"--policy={shlex.quote(name)} --remove-rich-rule={shlex.quote(what)}"),)


def opening_policy(firewalld: Firewalld, policy: str, question: Question) -> str:
    return lasting(firewalld, f"--policy={shlex.quote(policy)} --add-port={question.named}")


def passing_on(zone: str, question: Question) -> str:
    """Packets that this machine passes on need a policy between zones (firewalld 0.9 and later)."""
    name = "pass-on"
    steps = (
        f"firewall-cmd --permanent --new-policy={name}",
        f"firewall-cmd --permanent --policy={name} --add-ingress-zone={shlex.quote(zone)}",
        f"firewall-cmd --permanent --policy={name} --add-egress-zone=ANY",
        f"firewall-cmd --permanent --policy={name} --add-port={question.named}",
        RELOAD,
    )
    return " && ".join(steps)
