"""Which types of port may a domain bind, by the policy itself or by what the targeted policy is known to have?

sesearch (setools) asks the policy that is loaded. Where it is not installed, a table of the services that people move
to other ports stands in: the corenet_*_bind_* lines of Fedora's and RHEL's targeted policy without those that hang on
a boolean. A domain that the table has may bind more than the table says (booleans, modules of one's own), never less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathprobe.layers.mandatory_access.facts import BindRule, DomainRules
from pathprobe.layers.mandatory_access.port_labels import GENERIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Port types by protocol, the one to give to a further port first; ``boolean``: lets it bind any port."""

    tcp: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()
    boolean: str = ""

    def types(self, protocol: str) -> tuple[str, ...]:
        return {"tcp": self.tcp, "udp": self.udp}.get(protocol, ())


_DNS, _HTTP, _HTTP_CACHE, _SMTP = "dns_port_t", "http_port_t", "http_cache_port_t", "smtp_port_t"

SERVICES: Mapping[str, Service] = {
    "asterisk_t": Service(tcp=("sip_port_t", "asterisk_port_t"), udp=("sip_port_t", "asterisk_port_t")),
    "chronyd_t": Service(tcp=("ntske_port_t",), udp=("ntp_port_t", "chronyd_port_t")),
    "clamd_t": Service(tcp=("clamd_port_t",)),
    "couchdb_t": Service(tcp=("couchdb_port_t",)),
    "cupsd_t": Service(tcp=("ipp_port_t",), udp=("ipp_port_t",)),
    "dhcpd_t": Service(tcp=("dhcpd_port_t",), udp=("dhcpd_port_t",)),
    "dirsrv_t": Service(tcp=("ldap_port_t",)),
    "dnsmasq_t": Service(tcp=(_DNS,), udp=(_DNS, "dhcpd_port_t")),
    "dovecot_t": Service(tcp=("pop_port_t", "mail_port_t", "lmtp_port_t", "sieve_port_t", _SMTP)),
    "exim_t": Service(tcp=(_SMTP,)),
    "ftpd_t": Service(tcp=("ftp_port_t", "ftp_data_port_t")),
    "git_system_t": Service(tcp=("git_port_t",)),
    "gpsd_t": Service(tcp=("gpsd_port_t",)),
    "haproxy_t": Service(tcp=(_HTTP, _HTTP_CACHE, "commplex_main_port_t"), boolean="haproxy_connect_any"),
    "httpd_t": Service(
        tcp=(_HTTP, _HTTP_CACHE, "ntop_port_t", "jboss_management_port_t", "jboss_messaging_port_t", "puppet_port_t"),
        udp=(_HTTP,),
    ),
    "kadmind_t": Service(tcp=("kerberos_admin_port_t",), udp=("kerberos_admin_port_t",)),
    "krb5kdc_t": Service(tcp=("kerberos_port_t",), udp=("kerberos_port_t",)),
    "memcached_t": Service(tcp=("memcache_port_t",), udp=("memcache_port_t",)),
    "mongod_t": Service(tcp=("mongod_port_t",)),
    "munin_t": Service(tcp=("munin_port_t",)),
    "mysqld_t": Service(tcp=("mysqld_port_t", "tram_port_t")),
    "named_t": Service(tcp=(_DNS, "rndc_port_t", _HTTP), udp=(_DNS,)),
    "nmbd_t": Service(udp=("nmbd_port_t",)),
    "nsd_t": Service(tcp=(_DNS, "nsd_control_port_t"), udp=(_DNS,)),
    "ntpd_t": Service(tcp=("ntske_port_t",), udp=("ntp_port_t",)),
    "openvpn_t": Service(tcp=("openvpn_port_t", _HTTP), udp=("openvpn_port_t",)),
    "postfix_master_t": Service(tcp=(_SMTP,)),
    "postgresql_t": Service(tcp=("postgresql_port_t",)),
    "privoxy_t": Service(tcp=(_HTTP_CACHE,)),
    "puppetmaster_t": Service(tcp=("puppet_port_t",)),
    "rabbitmq_t": Service(tcp=("amqp_port_t", "rabbitmq_port_t", "epmd_port_t")),
    "radiusd_t": Service(
        tcp=("radius_port_t", "radacct_port_t", "radsec_port_t"),
        udp=("radius_port_t", "radacct_port_t", "radsec_port_t"),
    ),
    "redis_t": Service(tcp=("redis_port_t",)),
    "rsync_t": Service(tcp=("rsync_port_t",)),
    "sendmail_t": Service(tcp=(_SMTP,)),
    "slapd_t": Service(tcp=("ldap_port_t",)),
    "smbd_t": Service(tcp=("smbd_port_t",)),
    "snmpd_t": Service(tcp=("snmp_port_t", "agentx_port_t"), udp=("snmp_port_t",)),
    "spamd_t": Service(tcp=("spamd_port_t",)),
    "squid_t": Service(
        tcp=("squid_port_t", _HTTP_CACHE, _HTTP), udp=("squid_port_t", _HTTP_CACHE), boolean="squid_connect_any"
    ),
    "sshd_t": Service(tcp=("ssh_port_t",)),
    "syslogd_t": Service(
        tcp=("syslogd_port_t", "syslog_tls_port_t", "rsh_port_t"), udp=("syslogd_port_t", "syslog_tls_port_t")
    ),
    "telnetd_t": Service(tcp=("telnetd_port_t",)),
    "tftpd_t": Service(udp=("tftp_port_t",)),
    "tor_t": Service(tcp=("tor_port_t",), udp=(_DNS,)),
    "varnishd_t": Service(tcp=("varnishd_port_t", _HTTP, _HTTP_CACHE), boolean="varnishd_connect_any"),
    "virtd_t": Service(tcp=("virt_port_t", "vnc_port_t")),
    "zabbix_agent_t": Service(tcp=("zabbix_agent_port_t",)),
    "zabbix_t": Service(tcp=("zabbix_port_t",)),
}

#: Domains that the targeted policy lets bind every port: it does not confine them, or not in that.
UNBOUND = frozenset({"unconfined_t", "unconfined_service_t", "initrc_t", "init_t", "spc_t", "container_t", "stunnel_t"})


def parse_rules(text: str, booleans: Mapping[str, bool]) -> tuple[BindRule, ...]:
    """``allow SOURCE TARGET:tcp_socket name_bind; [ BOOLEAN ]:True`` as sesearch prints it, of setools 3 and 4."""
    rules = []
    for line in text.splitlines():
        words = line.replace(":", " : ").replace(";", " ; ").split()
        if "allow" not in words[:2] or ":" not in words:  # setools 3 has "ET allow", "DT allow" before it
            continue
        target = words[words.index(":") - 1]
        _, bracket, rest = line.partition("[")
        rules.append(_rule(target, *_condition(rest)) if bracket else BindRule(target=target))
    return tuple(_evaluated(rule, booleans) for rule in rules)


def _condition(rest: str) -> tuple[str, bool]:
    expression, _, branch = rest.partition("]")
    return " ".join(expression.split()), "False" not in branch


def _rule(target: str, expression: str, branch: bool) -> BindRule:
    return BindRule(target=target, condition=expression if branch else f"!({expression})", holds=None)


def _evaluated(rule: BindRule, booleans: Mapping[str, bool]) -> BindRule:
    """A condition of one boolean can be told, one of several is left open."""
    if not rule.condition:
        return rule
    negated = rule.condition.startswith("!(")
    name = rule.condition[2:-1] if negated else rule.condition
    value = booleans.get(name)
    holds = None if value is None else value is not negated
    return BindRule(target=rule.target, condition=rule.condition, holds=holds)


def booleans_in(text: str) -> tuple[str, ...]:
    """The booleans that sesearch's lines name, to be asked for their values."""
    names: dict[str, None] = {}
    for line in text.splitlines():
        _, _, rest = line.partition("[")
        inside, closed, _ = rest.partition("]")
        if closed:
            words = [word.strip("()!") for word in inside.split()]
            names |= dict.fromkeys(word for word in words if word.replace("_", "").isalnum() and word.isascii())
    return tuple(names)


def may_bind(domain: str, label: str, protocol: str, rules: DomainRules | None) -> bool | None:
    """Whether the policy lets the domain bind ports of the type; None where what was read does not tell."""
    if rules is not None:
        held = {rule.holds for rule in rules.for_label}
        return True if True in held else None if None in held else False
    service = SERVICES.get(domain)
    known = domain in UNBOUND or (service is not None and label in service.types(protocol))
    return True if known else None


def type_for(domain: str, protocol: str, rules: DomainRules | None) -> str:
    """The type to give to a further port of this domain; empty where that would be a guess."""
    service = SERVICES.get(domain)
    preferred = service.types(protocol) if service else ()
    if rules is None or not rules.rules:
        return preferred[0] if preferred else ""
    allowed = [rule.target for rule in rules.rules if rule.holds and not rule.condition]
    own = [one for one in dict.fromkeys(allowed) if one.endswith("_port_t") and one not in GENERIC]
    by_name = domain.removesuffix("_t") + "_port_t"
    return next((one for one in (*preferred, by_name) if one in own), own[0] if len(own) == 1 else "")


def others_with(label: str, protocol: str, domain: str) -> tuple[str, ...]:
    """Other domains that are known to bind ports of the type."""
    return tuple(one for one, known in SERVICES.items() if one != domain and label in known.types(protocol))
