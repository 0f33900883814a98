"""Docker in the way of a packet, or somebody in Docker's: whose rule it is and what opens the published port."""

from __future__ import annotations

import json

import pytest

from pathprobe.layers.findings import OR
from pathprobe.layers.firewall.model import (
    Backend,
    Chain,
    Compare,
    Family,
    Field,
    Hook,
    Nat,
    Rule,
    Ruleset,
    Statement,
    Translate,
)
from pathprobe.layers.firewall.outcome import Place
from pathprobe.layers.firewall.owners import Kind, Owners, Question, explain, read, remarks
from pathprobe.layers.firewall.owners.docker import Docker, container_of, published
from pathprobe.layers.firewall.owners.plain import Kept
from pathprobe.layers.system import Recorded, Said, Unread
from tests.layers.firewall.owners.places import of_port, place, rule, stopped, table

PORT = Question(port=8080, version=4, interface="eth0")

#: As Docker 24 prints them; only the fields that are read.
CONTAINERS = [
    {"Names": "web", "Ports": "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp", "Networks": "bridge"},
    {"Names": "ftp", "Ports": "0.0.0.0:30000-30009->30000-30009/tcp, 21/tcp", "Networks": "bridge"},
    {"Names": "db", "Ports": "127.0.0.1:5432->5432/tcp", "Networks": "backend,vault"},
    {"Names": "dns", "Ports": "0.0.0.0:53->53/udp", "Networks": "bridge"},
]
NETWORKS = [
    {"Name": "bridge", "Driver": "bridge", "Internal": "false"},
    {"Name": "backend", "Driver": "bridge", "Internal": "true"},
    {"Name": "vault", "Driver": "bridge", "Internal": "true"},
]
PS, LS = "docker ps --no-trunc --format {{json .}}", "docker network ls --format {{json .}}"
WITH_DOCKER = Recorded(
    commands={
        PS: "\n".join(map(json.dumps, CONTAINERS)) + "\nno json\n",
        LS: "\n".join(map(json.dumps, NETWORKS)),
    }
)
DROP = "-A DOCKER-USER -i eth0 -j DROP"


def in_user_chain(decided: Rule, backend: Backend = Backend.IPTABLES_NFT) -> Place:
    return place("DOCKER-USER", decided, backend=backend, hook=Hook.FORWARD)


def test_case_3_a_stray_drop_in_docker_user_is_deleted_or_the_published_port_accepted_above_it() -> None:
    outcome = stopped(in_user_chain(rule(DROP, handle=12)), inner=80)
    told = explain(outcome, read(WITH_DOCKER), PORT)
    assert told.owner == "Docker"
    assert told.sentence == (
        "A rule in DOCKER-USER, which is the administrator's own chain, stops what is for container web, translated to "
        "port 80 already, before Docker lets 8080/tcp in."
    )
    assert told.fixes == (
        "iptables -D DOCKER-USER -i eth0 -j DROP",
        "# or",
        "iptables -I DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j ACCEPT",
        "# or",
        "nft delete rule ip filter DOCKER-USER handle 12",
    )


def test_a_rule_for_some_sources_was_meant_so_accepting_comes_before_deleting() -> None:
    text = "-A DOCKER-USER ! -s 10.0.0.0/8 -i eth0 -j DROP"
    meant = rule(text, Compare(field=Field.IP_SOURCE, ranges=((10 << 24, (11 << 24) - 1),), negated=True))
    told = explain(stopped(in_user_chain(meant)), Owners(), PORT)
    assert told.fixes[0].startswith("iptables -I DOCKER-USER")
    assert told.fixes[2] == "iptables -D DOCKER-USER ! -s 10.0.0.0/8 -i eth0 -j DROP"


@pytest.mark.parametrize(
    ("backend", "default", "family", "program"),
    [
        (Backend.IPTABLES_LEGACY, Backend.IPTABLES_NFT, Family.IP, "iptables-legacy"),
        (Backend.IPTABLES_NFT, Backend.IPTABLES_LEGACY, Family.IP6, "ip6tables-nft"),
        (Backend.IPTABLES_LEGACY, Backend.IPTABLES_LEGACY, Family.IP6, "ip6tables"),
        (Backend.IPTABLES_LEGACY, None, Family.IP, "iptables"),
    ],
)
def test_the_program_is_the_one_that_has_the_rule(
    backend: Backend, default: Backend | None, family: Family, program: str
) -> None:
    where = place("DOCKER-USER", rule(DROP), backend=backend, family=family, hook=Hook.FORWARD)
    told = explain(stopped(where), Owners(kept=Kept(iptables=default)), PORT)
    assert [fix.split()[0] for fix in told.fixes if fix != OR] == [program, program]


def test_a_rule_that_nft_alone_listed_is_deleted_by_its_number() -> None:
    listed = rule('iifname "eth0" counter packets 0 bytes 0 drop', number=2, handle=12)
    told = explain(stopped(in_user_chain(listed, Backend.NFT)), Owners(), PORT)
    assert told.owner == "Docker"
    assert told.fixes[0] == "iptables -D DOCKER-USER 2"


@pytest.mark.parametrize(
    ("port", "protocol", "name"),
    [
        (8080, "tcp", "web"),
        (80, "tcp", None),
        (30007, "tcp", "ftp"),
        (30010, "tcp", None),
        (21, "tcp", None),
        (5432, "tcp", "db"),
        (53, "udp", "dns"),
        (53, "tcp", None),
    ],
)
def test_the_container_is_the_one_that_publishes_the_port(port: int, protocol: str, name: str | None) -> None:
    found = container_of(read(WITH_DOCKER).docker, port, protocol)
    assert (found.name if found else None) == name


def test_docker_is_unread_where_its_socket_is_root_s_alone() -> None:
    error = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock\n"
    found = read(Recorded(commands={PS: Said(status=1, error=error)})).docker
    assert found == Unread(reason=error.strip())


def translation(port: int, *conditions: Statement, to: str = "172.17.0.2:80") -> Rule:
    address, _, inner = to.partition(":")
    number = int.from_bytes(bytes(map(int, address.split("."))))
    target = Translate(kind=Nat.DNAT, addresses=(number, number), ports=(int(inner), int(inner)))
    text = f"-A DOCKER -p tcp -m tcp --dport {port} -j DNAT --to-destination {to}"
    return Rule(number=1, text=text, statements=(*conditions, *of_port(port), target))


def nat(*rules: Rule) -> Ruleset:
    return Ruleset(tables=(table(Chain(name="DOCKER", rules=rules), name="nat"),))


LOOPBACK = Compare(field=Field.IP_DESTINATION, ranges=((0x7F000001, 0x7F000001),))


def test_a_published_port_is_read_from_the_translation() -> None:
    (found,) = published(nat(translation(8080), translation(9090)), PORT)
    assert (found.address, found.port, found.on, found.place) == ("172.17.0.2", 80, None, "ip nat DOCKER")


def test_a_published_port_of_the_nftables_backend_is_read_as_well() -> None:
    chain = Chain(name="nat-prerouting-and-output", rules=(translation(8080),))
    ruleset = Ruleset(tables=(table(chain, name="docker-bridges", backend=Backend.NFT),))
    assert [one.port for one in published(ruleset, PORT)] == [80]


def test_a_port_that_is_published_on_loopback_only_is_told() -> None:
    (told,) = remarks(read(WITH_DOCKER, nat(translation(5432, LOOPBACK, to="172.18.0.3:5432"))), Question(port=5432))
    assert told.kind is Kind.NOT_PUBLISHED
    assert told.sentence == "Docker publishes 5432/tcp of container db on this machine's loopback address only."
    both = nat(translation(8080, LOOPBACK), translation(8080))
    assert remarks(read(WITH_DOCKER, both), PORT) == ()


def test_a_container_in_internal_networks_alone_is_told() -> None:
    (told,) = remarks(read(WITH_DOCKER), Question(port=5432))
    assert told.sentence == "Container db is in the network backend, vault only, which is internal."
    assert told.fix == ("docker network connect bridge db",)


@pytest.mark.parametrize(
    ("chain", "inner", "begins", "fix"),
    [
        ("DOCKER", None, "Docker lets only published ports through", "docker run --publish 8080:8080 IMAGE"),
        ("DOCKER-FORWARD", 80, "Docker translates 8080/tcp to container web, but", "systemctl restart docker"),
        ("DOCKER-ISOLATION-STAGE-2", 80, "Docker keeps its networks apart", "docker network connect bridge web"),
        ("DOCKER-INTERNAL", 80, "Docker keeps its networks apart", "docker network connect bridge web"),
    ],
)
def test_docker_s_own_chains_each_have_a_reason(chain: str, inner: int | None, begins: str, fix: str) -> None:
    where = place(chain, rule(f"-A {chain} -j DROP"), hook=Hook.FORWARD)
    told = explain(stopped(where, inner=inner), read(WITH_DOCKER), PORT)
    assert told.sentence.startswith(begins)
    assert told.fixes == (fix,)


def test_the_policy_for_what_is_passed_on_is_docker_s_for_a_translated_packet_beside_its_chains() -> None:
    ruleset = Ruleset(tables=(table(Chain(name="FORWARD"), Chain(name="DOCKER-USER")),))
    told = explain(stopped(place("FORWARD", hook=Hook.FORWARD), inner=80), Owners(ruleset=ruleset), PORT)
    assert (told.owner, told.fixes) == ("Docker", ("systemctl restart docker",))


def test_a_machine_without_docker_has_none() -> None:
    assert read(Recorded()).docker is None
    assert isinstance(read(WITH_DOCKER).docker, Docker)
