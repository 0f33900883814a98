"""AWS asked by boto3, against moto's server on loopback: what is read live is what the files say."""

from __future__ import annotations

import ipaddress
import json
import logging
import shlex
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from pathprobe.commands import main, status
from pathprobe.layers.cloud import live_aws, recognise
from pathprobe.layers.cloud.documents import Node
from pathprobe.layers.cloud.judge import judge
from tests.layers.cloud.cases import question

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def client(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """As pathprobe makes it. No file of this machine is read for it, and no other address asked."""
    nowhere = str(tmp_path_factory.getbasetemp() / "none")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
            environment.delenv(name, raising=False)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "*",
        }.items():
            environment.setenv(name, value)
        made = live_aws.client()
        yield made
        made.close()


@pytest.fixture
def ec2(client: Any, endpoint: str) -> Any:
    """An account that is empty but for AWS's own VPC."""
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    return client


class Network:
    """A VPC with a web server and an application's machine, and what stands before them."""

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.front, self.back = (
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=block)["Subnet"]["SubnetId"]
            for block in ("10.0.0.0/24", "10.0.1.0/24")
        )
        self.web, self.app = (self.group(name) for name in ("web", "app"))
        self.eni = self.interface("10.0.0.5", self.front, self.web)
        self.interface("10.0.1.9", self.back, self.app)

    def group(self, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)
        return str(made["GroupId"])

    def interface(self, address: str, subnet: str, *groups: str) -> str:
        made = self.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=list(groups))
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def public_address(self) -> str:
        made = self.ec2.allocate_address(Domain="vpc")
        self.ec2.associate_address(AllocationId=made["AllocationId"], NetworkInterfaceId=self.eni)
        return str(made["PublicIp"])

    def allow(self, protocol: str, low: int, high: int, **ends: Any) -> None:
        kind = {"IpProtocol": protocol, "FromPort": low, "ToPort": high, **ends}
        self.ec2.authorize_security_group_ingress(GroupId=self.web, IpPermissions=[kind])

    def acl(self, *entries: tuple[int, str, str, tuple[int, int] | None, bool]) -> str:
        """Before the front subnet, in the place of the one that lets all through."""
        acl = self.ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"]
        (there,) = self.ec2.describe_network_acls(Filters=[_filter("association.subnet-id", self.front)])["NetworkAcls"]
        (link,) = [one for one in there["Associations"] if one["SubnetId"] == self.front]
        self.ec2.replace_network_acl_association(AssociationId=link["NetworkAclAssociationId"], NetworkAclId=acl)
        for number, action, protocol, ports, out in entries:
            self.entry(acl, number, action, protocol, ports, out=out)
        return str(acl)

    def entry(
        self,
        acl: str,
        number: int,
        action: str,
        protocol: str,
        ports: tuple[int, int] | None,
        *,
        out: bool,
        block: str = "0.0.0.0/0",
    ) -> None:
        self.ec2.create_network_acl_entry(
            NetworkAclId=acl,
            RuleNumber=number,
            RuleAction=action,
            Protocol=protocol,
            Egress=out,
            CidrBlock=block,
            **({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}),
        )


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Values": [value]}


@pytest.fixture
def network(ec2: Any) -> Network:
    return Network(ec2)


EVERYBODY = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
OFFICE = {"IpRanges": [{"CidrIp": "203.0.113.0/24"}]}
WEB = "tcp 80 from 203.0.113.7"

CASES: dict[str, tuple[list[tuple[str, int, int, dict[str, Any]]], list[Any] | None, str, str]] = {
    "a port": ([("tcp", 80, 80, EVERYBODY)], None, WEB, "pass"),
    "no port": ([("tcp", 443, 443, EVERYBODY)], None, WEB, "fail"),
    "from this network": ([("tcp", 80, 80, OFFICE)], None, WEB, "pass"),
    "from another network": ([("tcp", 80, 80, OFFICE)], None, "tcp 80 from 198.51.100.7", "fail"),
    "all traffic": ([("-1", -1, -1, EVERYBODY)], None, "udp 53 from 203.0.113.7", "pass"),
    "echo": ([("icmp", 8, -1, EVERYBODY)], None, "icmp from 203.0.113.7", "pass"),
    "another ICMP": ([("icmp", 3, 4, EVERYBODY)], None, "icmp from 203.0.113.7", "fail"),
    "from a group": (
        [("tcp", 80, 80, {"UserIdGroupPairs": [{"GroupId": "app"}]})],
        None,
        "tcp 80 from 10.0.1.9",
        "pass",
    ),
    "from nobody of it": (
        [("tcp", 80, 80, {"UserIdGroupPairs": [{"GroupId": "app"}]})],
        None,
        "tcp 80 from 10.0.1.8",
        "fail",
    ),
    "from a prefix list": ([("tcp", 80, 80, {"PrefixListIds": [{"PrefixListId": "office"}]})], None, WEB, "pass"),
    "not of the prefix list": (
        [("tcp", 80, 80, {"PrefixListIds": [{"PrefixListId": "office"}]})],
        None,
        "tcp 80 from 198.51.100.7",
        "fail",
    ),
    "both ways": (
        [("tcp", 80, 80, EVERYBODY)],
        [(100, "allow", "6", (80, 80), False), (100, "allow", "6", (1024, 65535), True)],
        WEB,
        "pass",
    ),
    "no way out": ([("tcp", 80, 80, EVERYBODY)], [(100, "allow", "6", (80, 80), False)], WEB, "fail"),
    "out to some": (
        [("tcp", 80, 80, EVERYBODY)],
        [(100, "allow", "-1", None, False), (100, "allow", "6", (1024, 40000), True)],
        WEB,
        "fail",
    ),
    "deny before allow": (
        [("tcp", 80, 80, EVERYBODY)],
        [(90, "deny", "6", (80, 80), False), (100, "allow", "-1", None, False), (100, "allow", "-1", None, True)],
        WEB,
        "fail",
    ),
    "within the subnet": ([("tcp", 80, 80, EVERYBODY)], [], "tcp 80 from 10.0.0.9", "pass"),
}


def _made(network: Network, rules: list[tuple[str, int, int, dict[str, Any]]], entries: list[Any] | None) -> None:
    """The cases name groups and prefix lists; AWS gives them ids."""
    office = network.ec2.create_managed_prefix_list(
        PrefixListName="office", Entries=[{"Cidr": "203.0.113.0/24"}], MaxEntries=5, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]
    ids = {"app": network.app, "office": office}
    for protocol, low, high, ends in rules:
        text = json.dumps(ends)
        for name, id_ in ids.items():
            text = text.replace(f'"{name}"', f'"{id_}"')
        network.allow(protocol, low, high, **json.loads(text))
    if entries is not None:
        network.acl(*entries)


def files(ec2: Any) -> list[Node]:
    """What the command line would print of the whole account, as text that was written and read again."""
    whole = {
        "SecurityGroups": ec2.describe_security_groups()["SecurityGroups"],
        "SecurityGroupRules": ec2.describe_security_group_rules()["SecurityGroupRules"],
        "NetworkAcls": ec2.describe_network_acls()["NetworkAcls"],
        "NetworkInterfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "Subnets": ec2.describe_subnets()["Subnets"],
    }
    documents = [Node(json.loads(json.dumps({key: found}, default=str)), f"{key}.json") for key, found in whole.items()]
    for one in ec2.describe_managed_prefix_lists()["PrefixLists"]:
        if one["OwnerId"] != "AWS":
            name = one["PrefixListId"]
            entries = ec2.get_managed_prefix_list_entries(PrefixListId=name)["Entries"]
            documents.append(Node({"Entries": entries}, f"{name}.json"))
    return documents


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_live_is_what_the_files_say(network: Network, name: str) -> None:
    rules, entries, packet, expected = CASES[name]
    _made(network, rules, entries)
    asked = question(packet)
    source = asked.source.network_address
    live = live_aws.read(network.ec2, asked.target, source=source)
    assert asked.target is not None
    of_live, of_files = live.account(), recognise.read(files(network.ec2))
    # What stands before the target is read alike; files know of more.
    assert of_live.group(network.web) == of_files.group(network.web) or "app" in json.dumps(rules)
    assert set(of_live.acls) <= set(of_files.acls)
    assert of_live.interfaces_with(asked.target) == of_files.interfaces_with(asked.target)
    row = judge(of_live, asked)
    assert row.status == expected
    # Only live it is known that nobody else is a member.
    told = judge(of_files, asked)
    assert told.status == ("unknown" if name == "from nobody of it" else expected)
    if told.status == row.status:
        assert (told.summary, told.fix) == (row.summary, row.fix)


@pytest.mark.parametrize("how", ["private", "public"])
def test_the_interface_is_found_by_its_private_and_its_public_address(network: Network, how: str) -> None:
    network.allow("tcp", 80, 80, **EVERYBODY)
    public = network.public_address()
    asked = question(WEB, to="10.0.0.5" if how == "private" else public)
    found = judge(live_aws.read(network.ec2, asked.target).account(), asked)
    assert found.status == "pass"
    assert any(network.eni in one.text for one in found.evidence)
    assert any(one.ref.startswith("sgr-") for one in found.evidence)


def test_an_address_that_is_no_interfaces_is_said_to_be_so(network: Network) -> None:
    with pytest.raises(live_aws.NoAccount, match=f"no network interface with 10.0.0.99 in {REGION}"):
        live_aws.read(network.ec2, ipaddress.ip_address("10.0.0.99"))


def test_a_group_and_an_acl_that_are_named_are_read_without_an_address(network: Network) -> None:
    network.allow("tcp", 80, 80, **EVERYBODY)
    acl = network.acl((100, "allow", "-1", None, False))
    asked = question(WEB, to=None, groups=(network.web,), acl=acl)
    found = judge(live_aws.read(network.ec2, None, groups=asked.groups, acl=acl).account(), asked)
    assert "has no rule that lets the answer out" in found.summary


def test_the_proposed_lines_open_the_way(network: Network) -> None:
    """Run by boto3, for the command line's own words are its arguments."""
    network.acl((90, "deny", "6", (80, 80), False), (100, "allow", "-1", None, False))
    asked = question(WEB)
    shut = judge(live_aws.read(network.ec2, asked.target).account(), asked)
    assert shut.status == "fail"
    assert len(shut.fix) == 3
    for line in shut.fix:
        _run(network.ec2, line)
    assert judge(live_aws.read(network.ec2, asked.target).account(), asked).status == "pass"


def _run(ec2: Any, line: str) -> None:
    words = shlex.split(line)
    flags = {word for word in words if word in ("--ingress", "--egress")}
    rest = [word for word in words[3:] if word not in flags]
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    if words[2] == "authorize-security-group-ingress":
        low, _, high = options["--port"].partition("-")
        ec2.authorize_security_group_ingress(
            GroupId=options["--group-id"],
            IpProtocol=options["--protocol"],
            FromPort=int(low),
            ToPort=int(high or low),
            CidrIp=options["--cidr"],
        )
        return
    ends = dict(part.split("=") for part in options["--port-range"].split(","))
    ec2.create_network_acl_entry(
        NetworkAclId=options["--network-acl-id"],
        RuleNumber=int(options["--rule-number"]),
        RuleAction=options["--rule-action"],
        Protocol=options["--protocol"],
        Egress="--egress" in flags,
        CidrBlock=options["--cidr-block"],
        PortRange={"From": int(ends["From"]), "To": int(ends["To"])},
    )


# --- The command


def test_the_command_asks_aws(network: Network) -> None:
    network.allow("tcp", 80, 80, **OFFICE)
    arguments = ["cloud", "--aws", "--region", REGION, "--to", "10.0.0.5:80", "--from"]
    opened = CliRunner().invoke(main, [*arguments, "203.0.113.7"])
    assert opened.exit_code == status.OK, opened.output
    assert "LET IN" in opened.stdout
    shut = CliRunner().invoke(main, [*arguments, "198.51.100.7", "--json"])
    assert shut.exit_code == status.BLOCKED
    assert json.loads(shut.stdout)["layers"][0]["fix"][0].startswith(
        f"aws ec2 authorize-security-group-ingress --group-id {network.web}"
    )


@pytest.mark.usefixtures("ec2")
def test_a_profile_that_is_not_there_ends_in_one_line() -> None:
    result = CliRunner().invoke(main, ["cloud", "--aws", "--profile", "nobody", "--to", "10.0.0.5:80"])
    assert result.exit_code == status.CANNOT
    assert result.stderr.count("\n") == 1
    assert "nobody" in result.stderr


@pytest.mark.usefixtures("ec2")
def test_without_credentials_it_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = CliRunner().invoke(main, ["cloud", "--aws", "--to", "10.0.0.5:80"])
    assert result.exit_code == status.CANNOT
    assert result.stderr == "pathprobe: no AWS credentials: run aws configure, or set AWS_PROFILE\n"


@pytest.mark.usefixtures("ec2")
def test_without_a_region_it_is_said_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    result = CliRunner().invoke(main, ["cloud", "--aws", "--to", "10.0.0.5:80"])
    assert result.exit_code == status.CANNOT
    assert result.stderr == "pathprobe: no AWS region: set AWS_DEFAULT_REGION or give --region\n"


def test_without_boto3_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    result = CliRunner().invoke(main, ["cloud", "--aws", "--to", "10.0.0.5:80"])
    assert result.exit_code == status.CANNOT
    assert (
        result.stderr.strip()
        == "pathprobe: asking AWS needs boto3: pip install 'pathprobe[aws]'; or give files instead"
    )
