"""``pathprobe host PORT`` names the cause, the rule and the fix: the cases that every operator meets."""

from __future__ import annotations

import json
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main, status
from pathprobe.core.layers import Asked, LayerName, Status
from pathprobe.lab import netns
from pathprobe.layers import system
from pathprobe.layers.conclusion import conclude
from pathprobe.layers.findings import OR
from pathprobe.layers.host import PortQuestion, look
from tests.layers.docker_host import docker_host
from tests.layers.firewalld_daemon import Daemon, firewalld_in
from tests.layers.mandatory_access.machines import NOW, rhel
from tests.layers.two_hosts import CLIENT_ADDRESS, SERVER, is_reached, is_shut, listening, run_on_server, two_hosts

PORT = 8080


def host(*arguments: str) -> Result:
    """On the server of ``two_hosts``."""
    with netns.inside(SERVER):
        return CliRunner().invoke(main, ["host", *arguments])


def told(*arguments: str, expected: int) -> dict[str, Any]:
    result = host("--json", *arguments)
    assert result.exit_code == expected, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def row(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (layer for layer in document["layers"] if layer["name"] == name)
    return dict(found)


@pytest.fixture
def server(lab_host: None) -> Iterator[None]:  # noqa: ARG001
    with two_hosts(), listening(SERVER, PORT):
        run_on_server(f"ip route add default via {CLIENT_ADDRESS}")
        yield


@pytest.fixture
def daemon(server: None) -> Iterator[Daemon]:  # noqa: ARG001
    with firewalld_in(SERVER) as daemon:
        yield daemon


def paste(line: str) -> None:
    run_on_server(line)


# --- The three cases


@pytest.mark.lab
@pytest.mark.usefixtures("daemon")
def test_case_1_the_zone_lacks_the_port_and_the_proposed_line_opens_it() -> None:
    assert is_shut(PORT)
    document = told(str(PORT), expected=status.BLOCKED)
    firewall = row(document, "firewall")
    assert row(document, "listening")["status"] == "pass"
    assert firewall["status"] == "fail"
    assert "8080/tcp is not in firewalld's zone public, which eth0 is in" in firewall["summary"]
    assert any("firewalld filter_IN" in seen["ref"] for seen in firewall["evidence"])
    assert document["conclusion"]["layer"] == 2
    assert firewall["fix"][0] == "firewall-cmd --permanent --add-port=8080/tcp && firewall-cmd --reload"
    paste(firewall["fix"][0])
    assert is_reached(PORT)
    told(str(PORT), expected=status.OK)


@pytest.mark.lab
def test_a_port_that_is_open_until_the_next_reload_only_is_healthy_with_a_warning(daemon: Daemon) -> None:
    daemon.command("--add-port=8080/tcp")
    firewall = row(told(str(PORT), expected=status.OK), "firewall")
    assert firewall["status"] == "warn"
    assert "gone after the next reload" in firewall["summary"]
    assert firewall["fix"][0] == "firewall-cmd --permanent --add-port=8080/tcp"


def test_case_2_selinux_denies_nginx_the_port_and_is_the_cause_that_is_named() -> None:
    layers = look(rhel(), PortQuestion(port=9090, protocol="tcp"), now=NOW)
    rows = {layer.name: layer for layer in layers}
    selinux = rows[LayerName.SELINUX]
    assert rows[LayerName.LISTENING].is_absent
    assert selinux.status is Status.FAIL
    assert "denies nginx (httpd_t) binding tcp port 9090" in selinux.summary
    # 9090/tcp has a label in RHEL's policy already: semanage -a would refuse it.
    assert selinux.fix[0] == "semanage port -m -t http_port_t -p tcp 9090"
    conclusion = conclude(layers, Asked(given="9090/tcp", protocol="tcp", port=9090))
    assert (conclusion.layer, status.of_layers(layers)) == (3, status.CLOSED)


@pytest.fixture
def docker(lab_host: None) -> Iterator[None]:  # noqa: ARG001
    with two_hosts(), docker_host():
        yield


@pytest.mark.lab
@pytest.mark.usefixtures("docker")
def test_case_3_a_stray_drop_in_docker_user_is_named_with_its_handle_and_each_fix_opens_the_port() -> None:
    stray = "iptables -F DOCKER-USER; iptables -A DOCKER-USER -i eth0 -j DROP"
    run_on_server(stray)
    assert is_shut(PORT)
    document = told(str(PORT), "-4", expected=status.BLOCKED)
    firewall, listening_row = row(document, "firewall"), row(document, "listening")
    assert "10.78.0.2:80" in listening_row["summary"]
    assert listening_row["status"] == "pass"
    assert 'dropped by "-A DOCKER-USER -i eth0 -j DROP" (filter DOCKER-USER rule 1, nft handle ' in firewall["summary"]
    assert [seen["text"].split("   ")[0] for seen in firewall["evidence"][:3]] == [
        "-A DOCKER-USER -i eth0 -j DROP",
        "-A FORWARD -j DOCKER-USER",
        "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.78.0.2:80",
    ]
    for number in [number for number, line in enumerate(firewall["fix"]) if line != OR]:
        run_on_server(stray)
        line = row(told(str(PORT), "-4", expected=status.BLOCKED), "firewall")["fix"][number]
        run_on_server(line)
        assert is_reached(PORT), line
        told(str(PORT), "-4", expected=status.OK)


@pytest.mark.lab
@pytest.mark.usefixtures("docker")
def test_who_serves_a_published_port_in_its_container_is_told() -> None:
    row_of_sockets = row(told(str(PORT), "-4", expected=status.OK), "listening")
    assert "handed on to 10.78.0.2:80 before any socket is asked; there" in row_of_sockets["summary"]
    assert "listens on 0.0.0.0:80" in row_of_sockets["summary"]


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@pytest.mark.parametrize(
    ("listens_on", "words", "expected"),
    [
        (None, "handed on to 10.78.0.2:80, where nothing listens", status.CLOSED),
        ("127.0.0.1", "listens on 127.0.0.1:80 only", status.BLOCKED),
    ],
)
def test_a_container_that_does_not_serve_its_published_port_is_the_cause(
    listens_on: str | None, words: str, expected: int
) -> None:
    with two_hosts(), docker_host(listens_on):
        row_of_sockets = row(told(str(PORT), "-4", expected=expected), "listening")
    assert row_of_sockets["status"] == "fail"
    assert words in row_of_sockets["summary"]


# --- What is not one of them


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_healthy_port_is_healthy() -> None:
    document = told(str(PORT), expected=status.OK)
    assert [layer["status"] for layer in document["layers"]] == ["pass"] * 4
    assert document["schema"] == "pathprobe-layers/1"
    assert document["target"] == {
        "given": "8080/tcp",
        "address": None,
        "port": 8080,
        "protocol": "tcp",
        "from": None,
        "version": None,
    }


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_port_on_which_nothing_listens_is_told_first() -> None:
    document = told("81", expected=status.CLOSED)
    assert row(document, "listening")["status"] == "fail"
    assert document["conclusion"]["layer"] == 1


ALLOW_LIST = """nft -f - <<'END'
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        ip saddr 10.77.0.2 tcp dport 8080 counter accept
        tcp dport 9999 accept
        %s
    }
}
END"""


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_rule_for_some_clients_makes_it_depend_on_who_asks_and_from_tells() -> None:
    run_on_server(ALLOW_LIST % "")
    unnamed = row(told(str(PORT), "-4", expected=status.UNCLEAR), "firewall")
    assert unnamed["status"] == "unknown"
    assert f"{CLIENT_ADDRESS} is let in by" in unnamed["summary"]
    assert "everybody else is dropped by the policy of inet filter input" in unnamed["summary"]
    told(str(PORT), "--from", CLIENT_ADDRESS, expected=status.OK)
    blocked = row(told(str(PORT), "--from", "192.0.2.9", expected=status.BLOCKED), "firewall")
    assert blocked["evidence"][0] == {
        "source": "nft -a list ruleset",
        "ref": "the policy of inet filter input",
        "text": "policy drop",
    }


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_what_a_rule_alone_cannot_tell_is_not_guessed() -> None:
    run_on_server(ALLOW_LIST % "meta skuid 0 tcp dport 8080 accept")
    firewall = row(told(str(PORT), "--from", "192.0.2.9", expected=status.UNCLEAR), "firewall")
    assert firewall["summary"].startswith('depends on "meta skuid')
    assert "which cannot be told from the rules" in firewall["summary"]


@pytest.mark.lab
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("rule", "reached", "expected", "words"),
    [
        ("redirect to :8080", True, status.OK, "port 90 is redirected to 10.77.0.1:8080: "),
        ("dnat to 10.77.0.1:8080", True, status.OK, "port 90 is redirected to 10.77.0.1:8080: "),
        ("redirect to :91", False, status.CLOSED, "nothing listens on TCP port 91"),
    ],
)
def test_a_port_that_is_redirected_to_another_of_this_machine_is_looked_for_there(
    rule: str, reached: bool, expected: int, words: str
) -> None:
    run_on_server(
        "nft add table ip n; nft add chain ip n p '{ type nat hook prerouting priority -100; }';"
        f"nft add rule ip n p tcp dport 90 {rule}"
    )
    assert (is_reached(90) if reached else not is_shut(90)) is reached
    document = told("90", "-4", expected=expected)
    assert words in row(document, "listening")["summary"]
    assert row(document, "kernel")["status"] == "pass"


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_redirected_port_whose_answer_may_not_leave_is_blocked_by_that_rule() -> None:
    run_on_server(
        "nft add table ip n; nft add chain ip n p '{ type nat hook prerouting priority -100; }';"
        "nft add rule ip n p tcp dport 90 redirect to :8080;"
        "nft add chain ip n o '{ type filter hook output priority 0; }'; nft add rule ip n o tcp sport 8080 drop"
    )
    assert is_shut(90)
    document = told("90", "-4", expected=status.BLOCKED)
    assert document["conclusion"]["layer"] == 2
    assert row(document, "listening")["status"] == "pass"


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_what_this_machine_sends_itself_may_be_redirected_too() -> None:
    run_on_server(
        "nft add table ip n; nft add chain ip n o '{ type nat hook output priority -100; }';"
        "nft add rule ip n o tcp dport 8081 redirect to :8080"
    )
    told("8081", "--from", "10.77.0.1", expected=status.OK)


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_port_that_is_shut_for_one_version_alone_is_blocked() -> None:
    run_on_server("ip address add fd77::1/64 dev eth0 nodad")
    with netns.inside(SERVER), socket.create_server(("::", 8003), family=socket.AF_INET6, dualstack_ipv6=True):
        run_on_server("iptables -A INPUT -p tcp --dport 8003 -j DROP")
        firewall = row(told("8003", expected=status.BLOCKED), "firewall")
        assert firewall["summary"].startswith('IPv4 by eth0: dropped by "-A INPUT')
        told("8003", "-6", expected=status.OK)


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_this_machine_itself_is_a_client_too() -> None:
    """Its packets come by loopback, where neither a strict reverse path filter nor a loopback socket is in the way."""
    run_on_server("sysctl -q -w net.ipv4.conf.all.rp_filter=1")
    told(str(PORT), "--from", "10.77.0.1", expected=status.OK)
    with netns.inside(SERVER), socket.create_server(("127.0.0.1", 8004)):
        told("8004", "--from", "127.0.0.1", expected=status.OK)
        told("8004", expected=status.BLOCKED)


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_rules_that_no_installed_tool_can_show_are_not_called_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("ip", "ss", "iptables", "iptables-nft-save", "ip6tables", "ip6tables-nft-save"):
        found = shutil.which(program, path=netns._environment()["PATH"])
        assert found is not None
        (tmp_path / program).symlink_to(found)
    monkeypatch.setattr(system, "SBIN", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    firewall = row(told(str(PORT), expected=status.UNCLEAR), "firewall")
    assert "nft is not installed" in firewall["summary"]


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_client_to_whom_no_route_leads_back_gets_no_answer() -> None:
    run_on_server("ip route delete default; ip route add blackhole 198.51.100.0/24")
    run_on_server("ip rule add to 203.0.113.7 prohibit")
    for client in ("192.0.2.9", "198.51.100.7", "203.0.113.7"):
        document = told(str(PORT), "--from", client, expected=status.BLOCKED)
        assert f"there is no route back to {client}" in row(document, "kernel")["summary"]


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_a_policy_rule_for_the_answers_port_is_followed() -> None:
    run_on_server("ip rule add ipproto tcp sport 8080 to 10.77.0.2 prohibit")
    assert is_shut(PORT)
    document = told(str(PORT), "--from", "10.77.0.2", expected=status.BLOCKED)
    assert "there is no route back to 10.77.0.2" in row(document, "kernel")["summary"]


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_an_answer_that_may_not_leave_blocks_as_well() -> None:
    run_on_server("iptables -A OUTPUT -p tcp --sport 8080 -j DROP")
    firewall = row(told(str(PORT), "-4", expected=status.BLOCKED), "firewall")
    assert "(the answer, on its way out)" in firewall["summary"]
    assert "-A OUTPUT -p tcp -m tcp --sport 8080 -j DROP" in firewall["summary"]


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_ten_thousand_rules_are_read_and_followed_in_two_seconds() -> None:
    """Rules of their own each, so that none is passed over; CPU time, which a busy machine changes little."""
    rules = "\n".join(f"ip saddr 198.{n >> 8}.{n & 255}.0/24 tcp dport {n + 1} counter drop" for n in range(10_000))
    head = "table inet filter {\nchain input {\ntype filter hook input priority 0;"
    netns.run_nft(SERVER, f"{head}\n{rules}\ntcp dport 8080 counter drop\n}}\n}}\n")
    begun = _processor_seconds()
    firewall = row(told(str(PORT), expected=status.BLOCKED), "firewall")
    assert _processor_seconds() - begun < 2.0
    assert firewall["status"] == "fail"


def _processor_seconds() -> float:
    """Of this process, and of those that it asked."""
    usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@pytest.mark.lab
@pytest.mark.usefixtures("server")
def test_the_table_shows_what_was_seen_and_the_fix_of_what_is_broken() -> None:
    run_on_server("nft add table inet t; nft add chain inet t in '{ type filter hook input priority 0; }'")
    run_on_server("nft add rule inet t in tcp dport 8080 counter drop")
    text = host(str(PORT)).output
    assert text.startswith("8080/tcp  BLOCKED   at layer 2 (firewall)\n")
    assert "  2 firewall     FAIL     dropped by" in text
    assert "seen  nft -a list ruleset, inet t in handle 2: tcp dport 8080 counter" in text
    assert "fix   nft delete rule inet t in handle 2" in text
    assert "  1 listening    pass" in text


# --- The command line


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("eighty",), "no port"),
        (("0",), "no port"),
        (("65536/tcp",), "no port"),
        (("80/sctp",), "neither tcp nor udp"),
        (("80", "--from", "here"), "no IP address"),
        (("80", "-6", "--from", "10.0.0.1"), "not an IPv6 address"),
        (("80", "--watch-arrivals", "nan"), "nan"),
        (("80", "--trace-rules"), "--watch-arrivals"),
        (("80", "--watch-arrivals", "1", "--from", "10.0.0.1"), "--from"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(arguments: tuple[str, ...], word: str) -> None:
    result = CliRunner().invoke(main, ["host", *arguments])
    assert result.exit_code == status.USAGE
    assert word in result.stderr.splitlines()[-1]


def test_a_closed_stdout_is_no_accident() -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m pathprobe host 9 >&-"], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


def test_help_has_the_options_of_a_port_and_the_other_commands() -> None:
    text = CliRunner().invoke(main, ["host", "--help"]).stdout
    assert all(word in text for word in ("--from", "--watch-arrivals", "backup", "restore", "Exit status"))
