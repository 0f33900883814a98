"""In namespaces with real rules: the port is shut, the proposed line is pasted, the port is open."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pathprobe.layers.findings import OR
from pathprobe.layers.firewall.model import Backend, Family, Hook, Rule, Statement
from pathprobe.layers.firewall.outcome import Outcome, Place
from pathprobe.layers.firewall.owners import Owners, Question, fixes
from pathprobe.layers.firewall.owners.plain import Kept
from tests.layers.docker_host import docker_host
from tests.layers.firewall.owners.places import of_port, place, rule, stopped
from tests.layers.two_hosts import SERVER, is_reached, is_shut, listening, run_on_server, two_hosts

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

PORT = 8080
QUESTION = Question(port=PORT, version=4, interface="eth0")
OWNERS = Owners(kept=Kept(iptables=Backend.IPTABLES_NFT))


@pytest.fixture(scope="module")
def hosts(lab_host: None) -> Iterator[None]:  # noqa: ARG001
    with two_hosts(), listening(SERVER, PORT):
        yield


@pytest.fixture
def server(hosts: None) -> None:  # noqa: ARG001
    run_on_server("nft flush ruleset")


def first_nft_rule(family: str, table: str, chain: str) -> Rule:
    listed = json.loads(run_on_server(f"nft -j list chain {family} {table} {chain}"))["nftables"]
    handle = next(one["rule"]["handle"] for one in listed if "rule" in one)
    text = run_on_server(f"nft -a list chain {family} {table} {chain} | grep '# handle {handle}$'").partition(" #")[0]
    return rule(text.strip(), handle=handle)


def rules_of(chain: str) -> list[Rule]:
    lines = run_on_server(f"iptables-save -t filter | grep -e '^-A {chain} '").splitlines()
    return [rule(line, number=number) for number, line in enumerate(lines, 1)]


def in_nft(decided: Rule | None) -> Place:
    return place("input", decided, backend=Backend.NFT, family=Family.INET)


def alternatives(outcome: Outcome) -> list[str]:
    return [line for line in fixes(outcome, OWNERS, QUESTION) if line != OR]


def each_opens(where: Place, shut: str, expected: int) -> None:
    """Each of the proposals by itself."""
    proposed = alternatives(stopped(where))
    assert len(proposed) == expected
    for line in proposed:
        run_on_server(shut)
        assert is_shut(PORT)
        run_on_server(line)
        assert is_reached(PORT), line


NFT = """nft -f - <<'END'
flush ruleset
table inet filter {{
    set blocked {{ type inet_service; elements = {{ 22, 8080 }}; }}
    chain input {{
        type filter hook input priority 0; policy {policy};
        {rule}
    }}
}}
END"""


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("text", "conditions", "expected"),
    [
        ("tcp dport 8080 drop", of_port(PORT), 2),
        ("ip saddr 10.77.0.0/24 drop", (), 1),
        ("tcp dport @blocked drop", (), 2),
    ],
)
def test_nft_lines_open_the_port_where_a_rule_stopped_it(
    text: str, conditions: tuple[Statement, ...], expected: int
) -> None:
    shut = NFT.format(policy="accept", rule=text)
    run_on_server(shut)
    found = first_nft_rule("inet", "filter", "input")
    decided = Rule(number=1, text=found.text, statements=conditions, handle=found.handle)
    each_opens(in_nft(decided), shut, expected)


@pytest.mark.usefixtures("server")
def test_an_nft_line_opens_the_port_where_the_policy_stopped_it() -> None:
    each_opens(in_nft(None), NFT.format(policy="drop", rule="tcp dport 22 accept"), 1)


IPTABLES = "iptables -P INPUT ACCEPT; iptables -F; "


@pytest.mark.usefixtures("server")
def test_iptables_lines_open_the_port_where_a_rule_stopped_it() -> None:
    shut = IPTABLES + "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -j REJECT"
    run_on_server(shut)
    each_opens(place("INPUT", rules_of("INPUT")[1]), shut, 1)


@pytest.mark.usefixtures("server")
def test_iptables_deletes_a_rule_that_is_for_the_port_alone() -> None:
    shut = IPTABLES + "iptables -A INPUT -p tcp --dport 8080 -j DROP"
    run_on_server(shut)
    decided = rule(rules_of("INPUT")[0].text, port=PORT)
    each_opens(place("INPUT", decided), shut, 2)


@pytest.mark.usefixtures("server")
def test_an_iptables_line_opens_the_port_where_the_policy_stopped_it() -> None:
    each_opens(place("INPUT"), IPTABLES + "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -P INPUT DROP", 1)


@pytest.fixture
def docker(server: None) -> Iterator[None]:  # noqa: ARG001
    with docker_host():
        yield


@pytest.mark.usefixtures("docker")
def test_each_fix_of_a_stray_drop_in_docker_user_opens_the_published_port() -> None:
    assert is_reached(PORT)
    shut = "iptables -F DOCKER-USER; iptables -A DOCKER-USER -i eth0 -j DROP"
    run_on_server(shut)
    decided = rules_of("DOCKER-USER")[0]
    for number in range(3):
        run_on_server(shut)
        handle = first_nft_rule("ip", "filter", "DOCKER-USER").handle
        where = place("DOCKER-USER", Rule(number=1, text=decided.text, statements=(), handle=handle), hook=Hook.FORWARD)
        proposed = alternatives(stopped(where, inner=80))
        assert len(proposed) == 3
        assert is_shut(PORT)
        run_on_server(proposed[number])
        assert is_reached(PORT), proposed[number]
