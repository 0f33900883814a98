"""``pathprobe diagnose`` on real networks, with a real sshd on the server: one broken layer each, and some with two.

Each case says which layer it is, who or what is the culprit, and what mends it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pathprobe.commands import main, status
from pathprobe.core.layers import Asked, LayersReport
from pathprobe.lab import catalogue, netns
from pathprobe.lab.network import Lab
from pathprobe.layers.conclusion import conclude
from pathprobe.layers.host import PortQuestion, look
from pathprobe.output import layers_json
from tests.layers.mandatory_access.machines import NOW, rhel
from tests.layers.sshd import Sshd, sshd_in

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

SERVER, CLIENT, PORT = "10.0.0.5", "10.9.1.9", 8080

#: Answers every request with a status, on one address; says when it listens.
SERVICE = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2])); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer((sys.argv[1], 8080), Answer)
print("listening", flush=True)
server.serve_forever()
"""


def group(*rules: dict[str, Any]) -> dict[str, Any]:
    """``aws ec2 describe-security-groups``, and the interface that has the group."""
    return {
        "SecurityGroups": [
            {
                "GroupId": "sg-1",
                "GroupName": "web",
                "VpcId": "vpc-1",
                "IpPermissions": list(rules),
                "IpPermissionsEgress": [],
            }
        ],
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": "eni-1",
                "PrivateIpAddress": SERVER,
                "PrivateIpAddresses": [{"PrivateIpAddress": SERVER, "Primary": True}],
                "Groups": [{"GroupId": "sg-1", "GroupName": "web"}],
                "SubnetId": "subnet-1",
                "VpcId": "vpc-1",
            }
        ],
    }


LETS_IN = group({"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]})
LETS_SSH_IN = group({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]})


@dataclass(frozen=True, kw_only=True)
class Case:
    """``network``: a scenario of the lab; ``at_server``: lines to run there; ``serves``: address and status.

    ``layer``, ``word``, ``said``: what the conclusion has; ``step``: what begins one of its next steps.
    """

    network: str = "open"
    at_server: tuple[str, ...] = ()
    port: int = PORT
    serves: tuple[str, int] | None = ("0.0.0.0", 200)
    cloud: Mapping[str, Any] | None = None
    options: tuple[str, ...] = ()
    layer: int | None
    word: str
    said: tuple[str, ...]
    step: str = ""
    code: int = status.BLOCKED
    looks: bool = field(default=True)


DROPS = ("nft add table inet f", "nft add chain inet f in '{ type filter hook input priority 0; }'")
CASES = {
    "all is well": Case(
        cloud=LETS_IN, layer=None, word="HEALTHY", said=("every layer that was looked at is well",), code=status.OK
    ),
    "1: nothing listens": Case(
        serves=None,
        layer=1,
        word="CLOSED",
        said=("layer 1 (listening) is why: nothing listens on TCP port 8080",),
        code=status.CLOSED,
    ),
    "1: only on the loopback": Case(
        serves=("127.0.0.1", 200),
        layer=1,
        word="CLOSED",
        said=("layer 1 (listening) is why", "127.0.0.1:8080 only"),
        step="#",
    ),
    "1: on another address only": Case(
        at_server=("ip address add 10.0.0.6/32 dev lo",),
        serves=("10.0.0.6", 200),
        layer=1,
        word="CLOSED",
        said=("layer 1 (listening) is why", "10.0.0.6:8080"),
        step="#",
    ),
    "1: another than was expected": Case(
        options=("--expect", "nginx"),
        layer=1,
        word="BROKEN",
        said=("holds the port that nginx should have",),
        step="kill",
    ),
    "1: redirected to where nothing listens": Case(
        at_server=(
            "nft add table ip n",
            "nft add chain ip n p '{ type nat hook prerouting priority -100; }'",
            "nft add rule ip n p tcp dport 8080 redirect to :9",
        ),
        layer=1,
        word="CLOSED",
        said=("port 8080 is redirected to 10.0.0.5:9: nothing listens on TCP port 9",),
        code=status.CLOSED,
    ),
    "2: dropped by nft": Case(
        at_server=(*DROPS, "nft add rule inet f in tcp dport 8080 counter drop"),
        layer=2,
        word="FILTERED",
        said=('layer 2 (firewall) is why: dropped by "tcp dport 8080',),
        step="nft delete rule inet f in handle",
    ),
    "2: rejected by iptables": Case(
        at_server=("iptables -A INPUT -p tcp --dport 8080 -j REJECT --reject-with icmp-host-prohibited",),
        layer=2,
        word="FILTERED",
        said=('layer 2 (firewall) is why: rejected by "-A INPUT',),
        step="iptables -D INPUT -p tcp",
    ),
    "2: reset by iptables": Case(
        at_server=("iptables -A INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset",),
        layer=2,
        word="CLOSED",
        said=("layer 2 (firewall) is why: rejected by",),
        step="iptables -D INPUT -p tcp",
    ),
    "2: the answer may not leave": Case(
        at_server=("iptables -A OUTPUT -p tcp --sport 8080 -j DROP",),
        layer=2,
        word="FILTERED",
        said=("(the answer, on its way out)",),
        step="iptables -I OUTPUT 1 -p tcp --sport 8080 -j ACCEPT",
    ),
    "3: SELinux, by the server's own report": Case(
        network="closed",
        port=9090,
        serves=None,
        options=("--host-report", "REPORT"),
        looks=False,
        layer=3,
        word="CLOSED",
        said=("layer 3 (selinux) is why: SELinux (enforcing) denies nginx (httpd_t) binding",),
        step="semanage port",
        code=status.CLOSED,
    ),
    "2: dropped, for another client": Case(
        at_server=(*DROPS, "nft add rule inet f in ip saddr 203.0.113.0/24 drop"),
        options=("--from", "203.0.113.7"),
        layer=2,
        word="BLOCKED",
        said=("open from here (10.9.1.9); for 203.0.113.7 layer 2 (firewall) stops it",),
        step="nft",
    ),
    "5: dropped at a router": Case(
        network="drop-r2-forward",
        cloud=LETS_IN,
        layer=5,
        word="FILTERED",
        said=(
            "layer 5 (path): dropped silently between hop 2 (10.9.2.2) and hop 3 (10.9.3.2)",
            "the server serves it and lets it in",
            "layer 6 (cloud) has nothing against it as far as was seen: security group sg-1 (web) lets",
        ),
        step="Ask who runs hop 2",
    ),
    "5: rejected by a router": Case(
        network="reject-r2-admin-prohibited",
        layer=5,
        word="FILTERED",
        said=("layer 5 (path): rejected by hop 2 (10.9.2.2)",),
        step="Ask who runs hop 2",
    ),
    "5: reset in the server's name": Case(
        network="reset-r2-forward",
        layer=5,
        word="FILTERED",
        said=("a reset forged by hop 2 (10.9.2.2)",),
        step="Ask who runs hop 2",
    ),
    "5: somebody answers in the server's place": Case(
        network="synproxy-r2-open",
        serves=("127.0.0.1", 200),
        options=("--no-app",),
        layer=1,
        word="CONTRADICTION",
        said=("open on the wire, though layer 1 (listening) says", "something else answers for 10.0.0.5: a proxy"),
    ),
    "6: the group lacks the port": Case(
        network="drop-r3-forward",
        cloud=LETS_SSH_IN,
        layer=6,
        word="FILTERED",
        said=("layer 6 (cloud) is why", "sg-1", "the server serves it and lets it in"),
        step="aws ec2 authorize-security-group-ingress --group-id sg-1",
    ),
    "7: TLS spoken to a plain port": Case(
        options=("--app", "https://10.0.0.5:8080/"),
        layer=7,
        word="BROKEN",
        said=("TLS was spoken to a port that speaks plain HTTP",),
        step="pathprobe app http://",
    ),
    "7: the service is not well": Case(
        serves=("0.0.0.0", 503),
        layer=7,
        word="BROKEN",
        said=("layer 7 (application) is broken: HTTP 503",),
    ),
    "6 and 2: the group, and the server's own rule": Case(
        network="drop-r3-forward",
        at_server=(*DROPS, "nft add rule inet f in tcp dport 8080 counter drop"),
        cloud=LETS_SSH_IN,
        layer=6,
        word="FILTERED",
        said=("layer 6 (cloud) is why", "layer 2 (firewall) would stop it next"),
        step="nft delete rule inet f in handle",
    ),
    "5 and 1: a router, and nothing listens": Case(
        network="drop-r2-forward",
        serves=None,
        layer=5,
        word="FILTERED",
        said=("layer 5 (path): dropped silently between hop 2", "layer 1 (listening) would stop it next"),
        code=status.CLOSED,
    ),
}


@contextmanager
def server(case: Case) -> Iterator[Sshd]:
    """The network, the service on it, and a way to look at the server."""
    scenario = replace(catalogue.load(case.network), listen=(), port=case.port)
    with ExitStack() as opened:
        lab = opened.enter_context(Lab(scenario))
        with netns.inside("target"):
            for line in case.at_server:
                subprocess.run(["sh", "-c", line], check=True, env=netns._environment())
        if case.serves:
            address, answer = case.serves
            command = [sys.executable, "-c", SERVICE, address, str(answer)]
            service = opened.enter_context(lab.start("target", command, stdout=subprocess.PIPE, text=True))
            opened.callback(service.kill)
            assert service.stdout is not None
            assert service.stdout.readline() == "listening\n"
        yield opened.enter_context(sshd_in("target", SERVER))


def diagnosed(case: Case, sshd: Sshd, folder: Path) -> dict[str, Any]:
    options: list[str] = ["--ssh", sshd.given()] if case.looks else []
    if case.cloud is not None:
        rules = folder / "rules.json"
        rules.write_text(json.dumps(case.cloud))
        options += ["--cloud", str(rules)]
    options += [str(folder / "report.json") if one == "REPORT" else one for one in case.options]
    with netns.inside("client"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", sshd.environment["PATH"])
        result = CliRunner().invoke(main, ["diagnose", f"{SERVER}:{case.port}", "--json", *options])
    assert result.exit_code == case.code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_right_layer_the_culprit_and_the_remedy_are_named(case: Case, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(report_of_rhel())
    with server(case) as sshd:
        document = diagnosed(case, sshd, tmp_path)
    conclusion = document["conclusion"]
    assert (conclusion["layer"], conclusion["word"]) == (case.layer, case.word), conclusion["summary"]
    for words in case.said:
        assert words in conclusion["summary"]
    assert not case.step or any(step.startswith(case.step) for step in conclusion["next_steps"])


def report_of_rhel() -> str:
    """What ``pathprobe host 9090 --json`` prints where SELinux denied nginx the port."""
    layers = look(rhel(), PortQuestion(port=9090, protocol="tcp"), now=NOW)
    asked = Asked(given="9090/tcp", protocol="tcp", port=9090)
    return layers_json.render(
        LayersReport(asked=asked, started=NOW, duration=0.1, layers=layers, conclusion=conclude(layers, asked))
    )


def test_a_ticket_has_all_of_it(tmp_path: Path) -> None:
    case = CASES["2: dropped by nft"]
    ticket = tmp_path / "ticket"
    with server(case) as sshd:
        diagnosed(replace(case, options=("--ticket", str(ticket))), sshd, tmp_path)
    names = {one.name for one in ticket.iterdir()}
    assert {"diagnosis.txt", "diagnosis.json", "report.md", "report.html", "evidence.pcapng", "SHA256SUMS"} <= names
    for name in ("report.md", "report.html"):
        assert "All layers: FILTERED: dropped silently behind hop 3" in (ticket / name).read_text()
    text = (ticket / "diagnosis.txt").read_text()
    assert "layer 2 (firewall) is why" in text
    assert "after a change, look at" in text
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=ticket, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--host-report", "/nowhere/report.json"), "cannot read /nowhere/report.json", status.CANNOT),
        (("--cloud", "/nowhere/rules.json"), "cannot read /nowhere/rules.json", status.CANNOT),
        (("--cloud", "aws", "--cloud", "rules.json"), "--cloud aws asks AWS itself", status.USAGE),
        (("--app", "gopher://10.0.0.5:8080/"), "gopher", status.USAGE),
        (("--app", "https://example.test/"), "--app asks port 443, and the diagnosis is of 8080", status.USAGE),
        (("--ssh", "a b"), "'a b' is no [user@]host[:port]", status.USAGE),
        (("--from", "2001:db8::1"), "--from 2001:db8::1 is IPv6 and 10.0.0.5 IPv4", status.USAGE),
    ],
)
def test_what_cannot_be_asked_is_said_before_the_first_probe(
    options: Sequence[str], words: str, code: int, tmp_path: Path
) -> None:
    capture, ticket = tmp_path / "packets.pcapng", tmp_path / "ticket"
    with Lab(catalogue.load("open")) as lab, lab.inside("client"):
        given = ["diagnose", f"{SERVER}:{PORT}", "-w", str(capture), "--ticket", str(ticket), *options]
        result = CliRunner().invoke(main, given)
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert words in line
    assert not list(tmp_path.iterdir())


def test_who_cannot_be_reached_over_ssh_hides_no_more_than_the_server(tmp_path: Path) -> None:
    ticket = tmp_path / "ticket"
    with Lab(catalogue.load("drop-r2-forward")) as lab, lab.inside("client"):
        given = ["diagnose", f"{SERVER}:{PORT}", "--json", "--ssh", "root@10.0.0.77", "--ticket", str(ticket)]
        result = CliRunner().invoke(main, given)
    assert result.exit_code == status.BLOCKED, result.output
    document = json.loads(result.stdout)
    assert document["conclusion"]["summary"].startswith("layer 5 (path): dropped silently between hop 2")
    assert "could not be told: not looked at: connect to host 10.0.0.77 port 22" in document["conclusion"]["summary"]
    assert {row["status"] for row in document["layers"][:3]} == {"unknown"}
    assert (ticket / "diagnosis.txt").exists()
