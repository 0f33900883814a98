"""``pathprobe cloud``: parse, call, render, exit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main, status
from tests.layers.cloud.aws_shapes import OPEN, acl, acls, group, groups, interface, interfaces, permission


def cloud(*arguments: Any, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["cloud", *map(str, arguments)], input=stdin)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A web server's group, its network ACL and its interface, as three files."""
    web = groups(group(permission("tcp", 443, 443, "0.0.0.0/0"), permission("tcp", 8080, 8080, "10.0.0.0/8")))
    for name, document in (
        ("groups", web),
        ("acls", acls(acl(*OPEN))),
        ("interfaces", interfaces(interface("10.0.0.5", public="198.51.100.5", six="2001:db8::5"))),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    return tmp_path


def files(written: Path) -> list[Path]:
    return sorted(written.glob("*.json"))


def test_what_is_let_in_ends_with_0(written: Path) -> None:
    result = cloud(*files(written), "--to", "198.51.100.5:443", "--from", "203.0.113.7")
    assert result.exit_code == status.OK, result.output
    assert result.stdout.startswith("198.51.100.5:443/tcp from 203.0.113.7  LET IN")
    assert "  6 cloud        pass" in result.stdout


def test_what_is_blocked_ends_with_4_and_names_the_line_that_opens_it(written: Path) -> None:
    result = cloud(*files(written), "--to", "10.0.0.5:8080", "--from", "203.0.113.7")
    assert result.exit_code == status.BLOCKED
    assert "BLOCKED   at layer 6 (cloud)" in result.stdout
    assert "fix   aws ec2 authorize-security-group-ingress --group-id sg-1 " in result.stdout


def test_what_depends_ends_with_6(written: Path) -> None:
    result = cloud(*files(written), "--to", "10.0.0.5:8080")
    assert result.exit_code == status.UNCLEAR
    assert "Name the client: --from ADDRESS." in result.stdout


def test_json_is_one_document_of_the_layers_schema(written: Path) -> None:
    result = cloud(*files(written), "--to", "10.0.0.5", "--port", "8080/tcp", "--from", "203.0.113.7", "--json")
    document = json.loads(result.stdout)
    assert document["schema"] == "pathprobe-layers/1"
    assert document["target"] == {
        "given": "10.0.0.5:8080/tcp",
        "address": "10.0.0.5",
        "port": 8080,
        "protocol": "tcp",
        "from": "203.0.113.7",
        "version": None,
    }
    (layer,) = document["layers"]
    assert (layer["layer"], layer["name"], layer["status"]) == (6, "cloud", "fail")
    assert document["conclusion"]["layer"] == 6
    assert layer["summary"] in document["conclusion"]["summary"]


def test_stdin_may_hold_several_documents(written: Path) -> None:
    text = "".join(path.read_text() for path in files(written))
    assert cloud("-", "--to", "10.0.0.5:443", "--from", "203.0.113.7", stdin=text).exit_code == status.OK


@pytest.mark.parametrize("port", ["icmp", "53/udp"])
def test_icmp_and_udp_are_asked_for_by_the_port(written: Path, port: str) -> None:
    result = cloud(*files(written), "--to", "10.0.0.5", "--port", port, "--from", "203.0.113.7", "--json")
    assert result.exit_code == status.BLOCKED
    document = json.loads(result.stdout)
    assert document["target"]["protocol"] == port.rpartition("/")[2]
    assert document["target"]["port"] == (None if port == "icmp" else 53)


def test_an_ipv6_target_is_written_in_brackets(written: Path) -> None:
    result = cloud(*files(written), "--to", "[2001:db8::5]:443", "--from", "2001:db8:9::1")
    assert result.exit_code == status.BLOCKED
    assert result.stdout.startswith("[2001:db8::5]:443/tcp from 2001:db8:9::1  BLOCKED")


def test_a_network_of_clients_may_be_asked_for(written: Path) -> None:
    assert cloud(*files(written), "--to", "10.0.0.5:8080", "--from", "10.7.0.0/16").exit_code == status.OK
    assert cloud(*files(written), "--to", "10.0.0.5:8080", "--from", "0.0.0.0/0").exit_code == status.UNCLEAR


def test_tencents_policies_are_the_named_groups(tmp_path: Path) -> None:
    policy = {"Protocol": "TCP", "Port": "22", "CidrBlock": "0.0.0.0/0", "Action": "ACCEPT", "PolicyIndex": 0}
    path = tmp_path / "policies.json"
    path.write_text(json.dumps({"SecurityGroupPolicySet": {"Version": "1", "Ingress": [policy], "Egress": []}}))
    result = cloud(path, "--port", "8080", "--from", "203.0.113.7", "--group", "sg-33ocnj9n")
    assert result.exit_code == status.BLOCKED
    assert "tccli vpc CreateSecurityGroupPolicies --SecurityGroupId sg-33ocnj9n" in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "empty"),
        (b"not json", "no JSON"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b'{"hello": 1}', "not the JSON of a command known here"),
        (b'{"SecurityGroups": 7}', "SecurityGroups is not a list"),
        (b"[[]]", "[0] is not an object"),
        (b"null", "not the JSON of a command known here"),
        (b"[]", "nothing but empty lists"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_status_1(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text)
    result = cloud(path, "--port", "80")
    assert result.exit_code == status.CANNOT
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_a_file_that_is_not_there_is_one_line_and_status_1(tmp_path: Path) -> None:
    result = cloud(tmp_path / "none.json", "--port", "80")
    assert result.exit_code == status.CANNOT
    assert result.stderr == f"pathprobe: cannot read {tmp_path}/none.json: No such file or directory\n"


def test_a_group_that_is_not_in_the_file_is_one_line_and_status_1(written: Path) -> None:
    result = cloud(*files(written), "--to", "10.0.0.5:80", "--group", "sg-7")
    assert result.exit_code == status.CANNOT
    assert "no rules of group sg-7 were given (there are: sg-1 (web))" in result.stderr


@pytest.mark.parametrize("vendor", ["alibaba", "tencent", "azure", "gcp"])
def test_another_vendors_reader_finds_no_rules_and_says_so(written: Path, vendor: str) -> None:
    result = cloud(written / "groups.json", "--port", "80", "--vendor", vendor)
    assert result.exit_code == status.CANNOT
    assert result.stderr == f"pathprobe: {written}/groups.json: not {vendor}'s JSON but aws's\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which port?"),
        (["--port", "80"], "which rules?"),
        (["--port", "0"], "is no port"),
        (["--port", "80/sctp"], "neither tcp nor udp nor icmp"),
        (["--to", "web1:80"], "names are not looked up here"),
        (["--to", "2001:db8::g"], "names are not looked up here"),
        (["--to", "10.0.0.5:80", "--port", "81"], "two ports"),
        (["x.json", "--to", "10.0.0.5:80", "--from", "::1"], "not of one version"),
        (["x.json", "--port", "80", "--aws"], "leave the files away"),
        (["x.json", "--port", "80", "--region", "eu-west-1"], "go with --aws"),
        (["--port", "80", "--aws"], "--aws needs --to ADDRESS"),
        (["x.json", "--port", "80", "--from", "client"], "is no IP address"),
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str], message: str) -> None:
    result = cloud(*arguments)
    assert result.exit_code == status.USAGE
    # click folds its lines.
    assert message in " ".join(result.stderr.split())


def test_reading_files_loads_no_sdk(written: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pathprobe.commands import main; "
        f"CliRunner().invoke(main, ['cloud', {str(written / 'groups.json')!r}, '--port', '443']); "
        "print(sorted({'boto3', 'botocore', 'scapy', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
