"""What firewalld does with a port, whether that lasts, and what opens it: judged from what machines said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.findings import OR
from pathprobe.layers.firewall.model import Backend, Family, Hook
from pathprobe.layers.firewall.outcome import Fate, Outcome, Place
from pathprobe.layers.firewall.owners import Explanation, Kind, Owners, Question, Remark, explain, read, remarks, unseen
from pathprobe.layers.firewall.owners.firewalld.standing import standing, zone_of
from pathprobe.layers.firewall.owners.firewalld.zones import Configuration, Firewalld, Zone
from pathprobe.layers.firewall.owners.owner import Answer, Standing
from pathprobe.layers.system import Recorded, Said, System, Unread
from tests.layers.firewall.owners.places import place, rule, stopped
from tests.layers.firewall.owners.recordings import commands_of, files_of, machine

DEBIAN, RHEL_9, RHEL_7, LATER = (
    "firewalld-1.3-debian-12",
    "firewalld-rhel-9-by-its-format",
    "firewalld-rhel-7-by-its-format",
    "firewalld-2.3-by-its-format",
)
NOW, KEPT = "firewall-cmd --list-all-zones", "firewall-cmd --permanent --list-all-zones"
PORT = Question(port=8080, version=4, interface="eth0")


def firewalld_of(system: System) -> Firewalld:
    found = read(system).firewalld
    assert isinstance(found, Firewalld)
    return found


def runtime_of(name: str) -> tuple[Configuration, Firewalld]:
    found = firewalld_of(machine(name))
    assert isinstance(found.runtime, Configuration)
    return found.runtime, found


def with_port(listing: str, port: str = "8080/tcp") -> str:
    """The zone public of the listing has the port as well."""
    start, public, rest = listing.partition("public")
    return start + public + rest.replace("  ports: \n", f"  ports: {port}\n", 1)


def rhel_9(*, now: bool = False, kept: bool = False, **files: str | Unread) -> Recorded:
    said = commands_of(RHEL_9)
    changed = {NOW: with_port(said[NOW]) if now else said[NOW], KEPT: with_port(said[KEPT]) if kept else said[KEPT]}
    return machine(RHEL_9, commands=changed, files=files)


def remark_of(system: System, question: Question = PORT) -> Remark:
    (told,) = (one for one in remarks(read(system), question) if one.owner == "firewalld")
    return told


# The zone


@pytest.mark.parametrize(
    ("interface", "source", "zone"),
    [
        ("eth0", None, "public"),
        ("eth1", None, "dmz"),
        ("eth7", None, "public"),
        (None, None, "public"),
        ("eth1", "10.20.3.4", "internal"),
        ("eth1", "10.21.3.4", "dmz"),
        ("eth1", "2001:db8::9", "dmz"),
        ("eth1", "no address", "dmz"),
    ],
)
def test_the_zone_of_the_source_comes_before_that_of_the_interface(
    interface: str | None, source: str | None, zone: str
) -> None:
    runtime, found = runtime_of(DEBIAN)
    told = zone_of(runtime, found.default_zone, Question(port=22, interface=interface, source=source))
    assert told is not None
    assert told.name == zone


def test_of_two_zones_with_the_source_the_one_of_the_lower_priority_is_asked() -> None:
    runtime, found = runtime_of(LATER)
    told = zone_of(runtime, found.default_zone, Question(port=22, source="10.1.2.3"))
    assert told is not None
    assert told.name == "lab"


def test_a_plus_at_the_end_of_an_interface_stands_for_any_rest() -> None:
    configuration = Configuration(zones={"vpn": Zone(name="vpn", interfaces=("tun+",))})
    told = zone_of(configuration, "public", Question(port=22, interface="tun7"))
    assert told is not None
    assert told.name == "vpn"


# The port in the zone


def standing_in(zone: str, question: Question, name: str = DEBIAN) -> Standing:
    runtime, found = runtime_of(name)
    return standing(runtime, runtime.zones[zone], found.services, question)


@pytest.mark.parametrize(
    ("zone", "question", "answer", "by"),
    [
        ("public", Question(port=8080), Answer.ALLOWS, "port 8080/tcp"),
        ("public", Question(port=8080, protocol="udp"), Answer.NOTHING, "target default"),
        ("public", Question(port=22), Answer.ALLOWS, "service ssh"),
        ("public", Question(port=7070), Answer.ALLOWS, "policy guests: port 7070/tcp"),
        ("internal", Question(port=7070), Answer.NOTHING, "target default"),
        ("internal", Question(port=445), Answer.ALLOWS, "service samba"),
        ("internal", Question(port=138, protocol="udp"), Answer.ALLOWS, "service samba"),
        ("dmz", Question(port=9010), Answer.ALLOWS, "port 9000-9010/tcp"),
        ("dmz", Question(port=9011), Answer.NOTHING, "target default"),
        ("dmz", Question(port=9005), Answer.DENIES, 'rule priority="-5" port port="9005" protocol="tcp" drop'),
        ("dmz", Question(port=80), Answer.ALLOWS, "forward port 80/tcp to port 8080 of 10.20.0.9"),
        ("trusted", Question(port=1), Answer.ALLOWS, "target ACCEPT"),
        ("drop", Question(port=22), Answer.NOTHING, "target DROP"),
        ("block", Question(port=22), Answer.NOTHING, "target %%REJECT%%"),
    ],
)
def test_what_a_zone_says_of_a_port_and_by_which_line(zone: str, question: Question, answer: Answer, by: str) -> None:
    told = standing_in(zone, question)
    assert (told.answer, told.by) == (answer, by)


DATABASE = (
    'rule family="ipv4" source address="192.0.2.0/24" port port="5432" protocol="tcp" '
    'log prefix="db" level="info" accept limit value="3/m"'
)
NOT_TEN = 'rule family="ipv4" source NOT address="10.0.0.0/8" service name="ssh" drop'
CARD = 'rule source mac="00:11:22:33:44:55" port port="6000" protocol="tcp" accept'


@pytest.mark.parametrize(
    ("zone", "question", "answer", "allows_some", "denies_some"),
    [
        ("dmz", Question(port=5432, version=4), Answer.NOTHING, (DATABASE,), ()),
        ("dmz", Question(port=5432, version=4, source="192.0.2.7"), Answer.NOTHING, (DATABASE,), ()),
        ("dmz", Question(port=5432, version=4, source="192.0.3.7"), Answer.NOTHING, (), ()),
        ("dmz", Question(port=5432, version=6), Answer.NOTHING, (), ()),
        ("dmz", Question(port=22, version=4), Answer.ALLOWS, (), (NOT_TEN,)),
        ("dmz", Question(port=22, version=4, source="10.1.1.1"), Answer.ALLOWS, (), ()),
        ("dmz", Question(port=22, version=4, source="192.0.2.7"), Answer.DENIES, (), ()),
        ("dmz", Question(port=22, version=6), Answer.ALLOWS, (), ()),
        ("dmz", Question(port=22), Answer.ALLOWS, (), (NOT_TEN,)),
        ("internal", Question(port=6000, source="10.20.0.9"), Answer.NOTHING, (CARD,), ()),
        ("dmz", Question(port=9999, protocol="udp"), Answer.NOTHING, ("source port 53/udp",), ()),
        ("public", Question(port=546, protocol="udp"), Answer.NOTHING, ("service dhcpv6-client",), ()),
    ],
)
def test_rules_for_some_packets_only_are_told_and_decide_where_the_source_is_known(
    zone: str, question: Question, answer: Answer, allows_some: tuple[str, ...], denies_some: tuple[str, ...]
) -> None:
    told = standing_in(zone, question)
    assert (told.answer, told.allows_some, told.denies_some) == (answer, allows_some, denies_some)


def test_a_service_whose_file_nobody_found_may_be_for_any_port() -> None:
    said = commands_of(RHEL_9)[NOW].replace("cockpit dhcpv6-client ssh", "ours ssh")
    found = firewalld_of(machine(RHEL_9, commands={NOW: said}))
    assert isinstance(found.runtime, Configuration)
    told = standing(found.runtime, found.runtime.zones["public"], found.services, PORT)
    assert (told.answer, told.allows_some) == (Answer.NOTHING, ("service ours",))


def test_services_that_include_each_other_end() -> None:
    twin = '<service><include service="ssh"/><port port="8080" protocol="tcp"/></service>'
    services = {
        "/etc/firewalld/services/ssh.xml": '<service><include service="twin"/></service>',
        "/etc/firewalld/services/twin.xml": twin,
    }
    assert remark_of(machine(RHEL_9, files=services)).kind is Kind.LETS_IN


# What is said


def test_case_1_the_zone_lacks_the_port() -> None:
    told = remark_of(rhel_9())
    assert (told.kind, told.status) == (Kind.NOT_LET_IN, Status.FAIL)
    assert told.sentence == (
        "8080/tcp is not in firewalld's zone public, which eth0 is in: what a zone does not name, it does not let in."
    )
    assert told.fix == ("firewall-cmd --permanent --add-port=8080/tcp && firewall-cmd --reload",)
    assert told.evidence[0].source == NOW
    assert told.evidence[0].text == "target: default; services: cockpit dhcpv6-client ssh; ports: "


def test_what_runs_and_is_not_kept_is_a_warning() -> None:
    told = remark_of(rhel_9(now=True))
    assert (told.kind, told.status) == (Kind.NOT_KEPT, Status.WARN)
    assert told.sentence == (
        "firewalld's zone public, which eth0 is in, lets 8080/tcp in by port 8080/tcp, but only in the running "
        "configuration: it is gone after the next reload or restart of firewalld."
    )
    assert told.fix == ("firewall-cmd --permanent --add-port=8080/tcp", OR, "firewall-cmd --runtime-to-permanent")


def test_what_is_kept_and_does_not_run_is_not_loaded_yet() -> None:
    told = remark_of(rhel_9(kept=True))
    assert (told.kind, told.status, told.fix) == (Kind.NOT_LOADED, Status.FAIL, ("firewall-cmd --reload",))
    assert "not loaded yet" in told.sentence


def test_what_runs_and_is_kept_passes() -> None:
    told = remark_of(rhel_9(now=True, kept=True))
    assert (told.kind, told.status, told.fix) == (Kind.LETS_IN, Status.PASS, ())


@pytest.mark.parametrize(
    ("question", "fix"),
    [
        (
            Question(port=80, interface="eth0"),
            (
                "firewall-cmd --permanent --add-port=80/tcp && firewall-cmd --reload",
                OR,
                "firewall-cmd --permanent --add-service=http && firewall-cmd --reload",
            ),
        ),
        (
            Question(port=8080, interface="eth0", source="192.0.2.7"),
            (
                "firewall-cmd --permanent --add-port=8080/tcp && firewall-cmd --reload",
                OR,
                'firewall-cmd --permanent --add-rich-rule=\'rule family="ipv4" source address="192.0.2.7" '
                'port port="8080" protocol="tcp" accept\' && firewall-cmd --reload',
            ),
        ),
    ],
)
def test_a_service_s_name_and_the_source_alone_are_alternatives(question: Question, fix: tuple[str, ...]) -> None:
    assert remark_of(rhel_9(), question).fix == fix


def test_a_zone_that_is_not_the_default_one_is_named_in_the_fix() -> None:
    told = remark_of(machine(LATER), Question(port=8080, source="10.9.9.9"))
    assert told.fix[0] == "firewall-cmd --permanent --zone=internal --add-port=8080/tcp && firewall-cmd --reload"


def test_where_other_things_only_run_the_fix_does_not_reload() -> None:
    told = remark_of(machine(DEBIAN), Question(port=6379, interface="eth0"))
    assert told.fix[0] == "firewall-cmd --add-port=6379/tcp && firewall-cmd --permanent --add-port=6379/tcp"


def test_a_rich_rule_in_the_way_is_named_and_removed() -> None:
    told = remark_of(machine(DEBIAN), Question(port=9005, interface="eth1"))
    removing = '--zone=dmz --remove-rich-rule=\'rule priority="-5" port port="9005" protocol="tcp" drop\''
    assert told.kind is Kind.NOT_LET_IN
    assert told.fix == (f"firewall-cmd {removing} && firewall-cmd --permanent {removing}",)


@pytest.mark.parametrize(("port", "begins"), [(5432, "only where this holds"), (22, "but not where this holds")])
def test_a_port_that_is_open_for_some_only_is_a_warning(port: int, begins: str) -> None:
    told = remark_of(machine(DEBIAN), Question(port=port, version=4, interface="eth1"))
    assert (told.kind, told.status) == (Kind.ONLY_SOME, Status.WARN)
    assert begins in told.sentence


def test_without_an_interface_every_zone_that_has_one_is_told() -> None:
    told = remarks(read(machine(DEBIAN)), Question(port=8080))
    assert [(one.kind, one.evidence[0].ref) for one in told] == [
        (Kind.NOT_LET_IN, "zone dmz"),
        (Kind.LETS_IN, "zone public"),
    ]


def test_sources_of_other_zones_are_told_where_no_source_was_asked_about() -> None:
    told = remark_of(machine(DEBIAN), PORT)
    assert [one.text for one in told.evidence if one.ref == "sources of other zones"] == ["10.20.0.0/16"]


def test_the_loopback_interface_is_in_no_zone() -> None:
    assert remarks(read(rhel_9()), Question(port=8080, interface="lo")) == ()


def test_rhel_7_knows_no_policies_and_is_read_all_the_same() -> None:
    told = remark_of(machine(RHEL_7), Question(port=8080, interface="ens192"))
    assert told.kind is Kind.NOT_LET_IN
    assert remark_of(machine(RHEL_7), Question(port=80, interface="ens192")).kind is Kind.LETS_IN


# The daemon does not answer


def silent(status: int, error: str, **files: str | Unread) -> Recorded:
    said = {command: Said(status=status, error=error) for command in commands_of(DEBIAN)}
    return Recorded(commands=said, files={**files_of(DEBIAN), **files})


NOT_RUNNING = (252, "FirewallD is not running\n")
NO_BUS = (36, "Error: DBUS_ERROR: Failed to connect to socket /run/dbus/system_bus_socket: No such file or directory\n")
NOT_ROOT = (253, "Authorization failed.\n    Make sure polkit agent is running or run the application as superuser.\n")


@pytest.mark.parametrize("said", [NOT_RUNNING, NO_BUS])
def test_where_the_daemon_does_not_run_the_files_tell_what_it_would_do(said: tuple[int, str]) -> None:
    system = silent(*said)
    told = remark_of(system, Question(port=9001, interface="eth1"))
    assert (told.kind, told.status) == (Kind.NOT_IN_FORCE, Status.SKIP)
    assert told.sentence == (
        "firewalld does not run. Its zone dmz would let 9001/tcp in by port 9000-9010/tcp, once it is started."
    )
    closed = remark_of(system, Question(port=9099, interface="eth1"))
    assert closed.fix == ("firewall-offline-cmd --zone=dmz --add-port=9099/tcp",)


def test_who_may_not_ask_is_told_so() -> None:
    told = remark_of(silent(*NOT_ROOT))
    assert (told.kind, told.status) == (Kind.NOT_SEEN, Status.UNKNOWN)
    assert told.sentence == ""
    assert told.evidence == (Evidence(source="not seen", text="firewalld's zones (told to root only)"),)


def test_files_that_may_not_be_read_are_told_too() -> None:
    denied = Unread(reason="/etc/firewalld/firewalld.conf: Permission denied")
    told = remark_of(Recorded(files={"/etc/firewalld/firewalld.conf": denied}))
    assert told.kind is Kind.NOT_SEEN
    told_by_files = "firewalld's zones (/etc/firewalld/firewalld.conf: Permission denied)"
    assert told.evidence == (Evidence(source="not seen", text=told_by_files),)


def test_a_machine_without_firewalld_has_nothing_to_say() -> None:
    assert read(Recorded()) == Owners()


def test_a_service_s_file_that_may_not_be_read_is_asked_of_the_daemon() -> None:
    denied = Unread(reason="/etc/firewalld/services/ssh.xml: Permission denied")
    said = "ssh\n  ports: 2222/tcp\n  protocols: \n  source-ports: \n  modules: \n  destination: \n  includes: \n"
    system = machine(
        RHEL_9,
        commands={"firewall-cmd --info-service=ssh": said},
        files={"/etc/firewalld/services/ssh.xml": denied},
    )
    assert remark_of(system, Question(port=2222, interface="eth0")).kind is Kind.LETS_IN


DEFAULT = "firewall-cmd --get-default-zone"
SILENT = Unread(reason="firewall-cmd said nothing for 5 s", is_silent=True)


class Counting:
    """A machine, and what was run on it."""

    def __init__(self, machine: Recorded) -> None:
        self.machine = machine
        self.asked: list[str] = []

    def run(self, *command: str) -> Said | Unread:
        self.asked.append(" ".join(command))
        return self.machine.run(*command)

    def read(self, path: str) -> str | Unread:
        return self.machine.read(path)

    def names(self, path: str) -> Sequence[str] | Unread:
        return self.machine.names(path)

    def link(self, path: str) -> str | Unread:
        return self.machine.link(path)

    @property
    def firewall_cmd(self) -> list[str]:
        return [one for one in self.asked if one.startswith("firewall-cmd ")]


def test_a_daemon_that_hangs_is_asked_once_and_its_files_are_read_instead() -> None:
    system = Counting(machine(DEBIAN, commands={DEFAULT: SILENT}))
    owners = read(system)
    assert system.firewall_cmd == [DEFAULT]
    assert unseen(owners) == ("firewalld's zones as they are now (firewall-cmd said nothing for 5 s)",)
    (told,) = remarks(owners, Question(port=9001, interface="eth1"))
    assert (told.kind, told.sentence) == (Kind.NOT_SEEN, "")
    assert told.evidence == (
        Evidence(source="not seen", text=unseen(owners)[0]),
        Evidence(source="/etc/firewalld/zones", ref="zone dmz", text="port 9000-9010/tcp"),
        Evidence(source="/etc/firewalld/zones", ref="sources of other zones", text="10.20.0.0/16"),
    )
    rejected = explain(of_chain("filter_IN_dmz"), owners, Question(port=9099, interface="eth1"))
    assert rejected.sentence == "firewalld's zone dmz does not let it in."
    assert rejected.fixes == ("firewall-cmd --permanent --zone=dmz --add-port=9099/tcp && firewall-cmd --reload",)


@pytest.mark.parametrize(
    ("silent_at", "told"),
    [
        (NOW, "firewalld's zones as they are now (firewall-cmd said nothing for 5 s)"),
        ("firewall-cmd --list-all-policies", "some of what firewalld has (firewall-cmd said nothing for 5 s)"),
        (KEPT, "some of what firewalld has (firewall-cmd said nothing for 5 s)"),
        ("firewall-cmd --query-panic", "some of what firewalld has (firewall-cmd said nothing for 5 s)"),
    ],
)
def test_after_the_first_silence_nothing_more_is_asked(silent_at: str, told: str) -> None:
    system = Counting(machine(DEBIAN, commands={silent_at: SILENT}))
    owners = read(system)
    assert system.firewall_cmd[-1] == silent_at
    assert unseen(owners) == (told,)
    assert isinstance(owners.firewalld, Firewalld)
    assert isinstance(owners.firewalld.permanent, Configuration)


VISIBLE = {"/proc/1/comm": "systemd\n", "/proc/self/environ": "PATH=/bin\0"}
NOBODY = {"pgrep -f firewalld": Said(status=1)}


@pytest.mark.parametrize(
    ("commands", "files", "is_asked"),
    [
        (NOBODY, VISIBLE, False),
        ({"pgrep -f firewalld": "4711\n"}, VISIBLE, True),
        ({}, VISIBLE, True),
        (NOBODY, {**VISIBLE, "/proc/1/comm": Unread(reason="/proc/1/comm: Permission denied")}, True),
        (NOBODY, {**VISIBLE, "/proc/self/environ": "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/bus\0"}, True),
    ],
)
def test_a_daemon_that_is_seen_not_to_run_is_not_asked(
    commands: dict[str, str | Said | Unread], files: dict[str, str | Unread], is_asked: bool
) -> None:
    system = Counting(machine(DEBIAN, commands=commands, files=files))
    found = read(system).firewalld
    assert isinstance(found, Firewalld)
    assert (found.is_running, DEFAULT in system.asked) == (is_asked, is_asked)
    assert isinstance(found.permanent, Configuration)


def test_what_could_not_be_seen_of_any_owner_is_told() -> None:
    hung = Unread(reason="docker said nothing for 5 s", is_silent=True)
    docker = "docker ps --no-trunc --format {{json .}}"
    assert unseen(read(Recorded(commands={docker: hung}))) == ("Docker's containers (docker said nothing for 5 s)",)
    assert unseen(read(rhel_9())) == ()
    assert unseen(read(silent(*NOT_ROOT))) == ("firewalld's zones (told to root only)",)
    assert unseen(Owners(ufw=Unread(reason="/etc/ufw/ufw.conf: Permission denied"))) == (
        "ufw's rules (/etc/ufw/ufw.conf: Permission denied)",
    )


# A rule of firewalld stopped the packet


def of_chain(
    chain: str, *, hook: Hook = Hook.INPUT, came_by: tuple[Place, ...] = (), table: str = "firewalld"
) -> Outcome:
    where = place(
        chain,
        rule("reject with icmpx admin-prohibited", handle=7),
        backend=Backend.NFT,
        family=Family.INET,
        table=table,
        hook=hook,
    )
    return stopped(where, fate=Fate.REJECTED, came_by=came_by)


def explained(outcome: Outcome, system: System, question: Question = PORT) -> Explanation:
    return explain(outcome, read(system), question)


@pytest.mark.parametrize("chain", ["filter_IN_public", "filter_INPUT"])
def test_the_zone_is_told_by_the_chain_or_by_the_interface(chain: str) -> None:
    told = explained(of_chain(chain), rhel_9())
    assert told.owner == "firewalld"
    assert told.sentence.startswith("8080/tcp is not in firewalld's zone public")
    assert told.fixes == ("firewall-cmd --permanent --add-port=8080/tcp && firewall-cmd --reload",)


def test_a_chain_s_zone_outweighs_what_the_interface_would_tell() -> None:
    told = explained(of_chain("filter_IN_dmz_deny"), machine(DEBIAN), Question(port=9005))
    assert "firewalld's zone dmz keeps 9005/tcp out by the rich rule" in told.sentence


def test_a_chain_of_the_iptables_backend_is_told_as_well() -> None:
    system = rhel_9(**{"/etc/firewalld/firewalld.conf": "FirewallBackend=iptables\n"})
    last = rule("-A INPUT -j REJECT --reject-with icmp-host-prohibited", number=5)
    for where in (place("IN_public", rule("-A IN_public -j DROP")), place("INPUT", last)):
        assert explained(stopped(where), system).sentence.startswith("8080/tcp is not in firewalld's zone public")


def test_a_chain_that_is_called_like_firewalld_s_is_not_so_where_there_is_none() -> None:
    told = explained(stopped(place("IN_office", rule("-A IN_office -j DROP"))), Recorded())
    assert (told.owner, told.fixes) == (None, ("iptables -I IN_office 1 -p tcp --dport 8080 -j ACCEPT",))


def test_the_end_of_input_is_nobody_s_where_firewalld_writes_elsewhere() -> None:
    last = rule("-A INPUT -j REJECT --reject-with icmp-host-prohibited", number=5)
    system = rhel_9(**{"/etc/firewalld/firewalld.conf": "FirewallBackend=nftables\n"})
    assert explained(stopped(place("INPUT", last)), system).owner is None


def test_a_policy_is_told_by_its_chain() -> None:
    told = explained(of_chain("filter_IN_policy_guests"), machine(DEBIAN), Question(port=7071, interface="eth0"))
    assert told.sentence == "firewalld's policy guests does not let 7071/tcp through."
    option = "--policy=guests --add-port=7071/tcp"
    assert told.fixes == (f"firewall-cmd {option} && firewall-cmd --permanent {option}",)


POLICY = """shut (active)
  priority: -10
  target: {target}
  ingress-zones: public
  egress-zones: HOST
  rich rules:
	{rule}
"""
SHUT = 'rule port port="8080" protocol="tcp" reject'


@pytest.mark.parametrize(
    ("target", "rule_of_it", "fix"),
    [
        ("CONTINUE", SHUT, f"firewall-cmd --permanent --policy=shut --remove-rich-rule='{SHUT}'"),
        ("DROP", "", "firewall-cmd --permanent --policy=shut --add-port=8080/tcp"),
    ],
)
def test_a_policy_s_rule_is_removed_and_its_target_gone_round(target: str, rule_of_it: str, fix: str) -> None:
    said = POLICY.format(target=target, rule=rule_of_it)
    policies = {f"firewall-cmd {which}--list-all-policies": said for which in ("", "--permanent ")}
    system = machine(RHEL_9, commands=policies)
    wanted = (f"{fix} && firewall-cmd --reload",)
    assert remark_of(system).fix == wanted
    assert explained(of_chain("filter_IN_policy_shut_deny"), system).fixes == wanted


def test_a_direct_rule_is_found_in_iptables_and_removed() -> None:
    direct = rule("-A INPUT -p tcp -m tcp --dport 9999 -j DROP")
    told = explained(stopped(place("INPUT", direct)), machine(DEBIAN), Question(port=9999, interface="eth0"))
    assert told.sentence == "It is a direct rule of firewalld: ipv4 filter INPUT 0 -p tcp --dport 9999 -j DROP."
    assert told.fixes == ("firewall-cmd --direct --remove-rule ipv4 filter INPUT 0 -p tcp --dport 9999 -j DROP",)


def test_a_packet_that_is_passed_on_wants_a_policy() -> None:
    told = explained(of_chain("filter_FWD_public", hook=Hook.FORWARD), rhel_9())
    assert "--policy=pass-on --add-ingress-zone=public" in told.fixes[0]
    assert told.fixes[0].endswith("firewall-cmd --reload")


def test_panic_is_told_by_its_table_alone() -> None:
    told = explained(of_chain("raw_prerouting", table="firewalld_policy_drop", hook=Hook.PREROUTING), rhel_9())
    assert told.fixes == ("firewall-cmd --panic-off",)


def test_a_zone_that_nobody_may_list_is_opened_by_its_name() -> None:
    told = explained(of_chain("filter_IN_dmz"), silent(*NOT_ROOT))
    assert told.fixes[0] == "firewall-cmd --permanent --zone=dmz --add-port=8080/tcp && firewall-cmd --reload"


def test_rules_that_are_not_what_the_zones_say_are_loaded_anew() -> None:
    told = explained(of_chain("filter_IN_public"), rhel_9(now=True, kept=True))
    assert told.fixes == ("firewall-cmd --reload",)
