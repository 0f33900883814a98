"""JSON as ``aws ec2 describe-...`` prints it, with the keys that its API reference has."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

OPEN_OUT = [
    {
        "IpProtocol": "-1",
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
        "Ipv6Ranges": [],
        "PrefixListIds": [],
        "UserIdGroupPairs": [],
    }
]


def permission(protocol: str, low: int | None = None, high: int | None = None, *ends: str) -> Json:
    """``ends``: networks, sg-..., pl-...."""
    ports = {} if low is None else {"FromPort": low, "ToPort": low if high is None else high}
    return {
        "IpProtocol": protocol,
        **ports,
        "IpRanges": [{"CidrIp": one} for one in ends if "." in one],
        "Ipv6Ranges": [{"CidrIpv6": one} for one in ends if ":" in one],
        "PrefixListIds": [{"PrefixListId": one} for one in ends if one.startswith("pl-")],
        "UserIdGroupPairs": [{"GroupId": one, "UserId": "111122223333"} for one in ends if one.startswith("sg-")],
    }


def group(*permissions: Json, name: str = "sg-1", title: str = "web") -> Json:
    return {
        "Description": title,
        "GroupName": title,
        "IpPermissions": list(permissions),
        "OwnerId": "111122223333",
        "GroupId": name,
        "IpPermissionsEgress": OPEN_OUT,
        "VpcId": "vpc-1",
    }


def groups(*those: Json) -> Json:
    return {"SecurityGroups": list(those)}


def rule(number: int, protocol: str, low: int, high: int, end: str, *, name: str = "sg-1", out: bool = False) -> Json:
    """Of describe-security-group-rules."""
    key = "CidrIpv6" if ":" in end else "CidrIpv4"
    far = {"ReferencedGroupInfo": {"GroupId": end, "UserId": "111122223333"}} if end.startswith("sg-") else {key: end}
    return {
        "SecurityGroupRuleId": f"sgr-{number}",
        "GroupId": name,
        "GroupOwnerId": "111122223333",
        "IsEgress": out,
        "IpProtocol": protocol,
        "FromPort": low,
        "ToPort": high,
        **far,
        "Tags": [],
    }


def entry(
    number: int,
    action: str,
    protocol: str = "-1",
    ports: tuple[int, int] | None = None,
    end: str = "0.0.0.0/0",
    *,
    out: bool = False,
    icmp: tuple[int, int] | None = None,
) -> Json:
    return {
        "Ipv6CidrBlock" if ":" in end else "CidrBlock": end,
        "Egress": out,
        "Protocol": protocol,
        "RuleAction": action,
        "RuleNumber": number,
        **({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}),
        **({"IcmpTypeCode": {"Type": icmp[0], "Code": icmp[1]}} if icmp else {}),
    }


LAST = (entry(32767, "deny"), entry(32767, "deny", out=True))
OPEN = (entry(100, "allow"), entry(100, "allow", out=True))


def acl(*entries: Json, name: str = "acl-1", subnets: tuple[str, ...] = ("subnet-1",), default: bool = False) -> Json:
    return {
        "Associations": [
            {"NetworkAclAssociationId": f"aclassoc-{one}", "NetworkAclId": name, "SubnetId": one} for one in subnets
        ],
        "Entries": [*entries, *LAST],
        "IsDefault": default,
        "NetworkAclId": name,
        "Tags": [],
        "VpcId": "vpc-1",
        "OwnerId": "111122223333",
    }


def acls(*those: Json) -> Json:
    return {"NetworkAcls": list(those)}


def interface(
    address: str = "10.0.0.5", *names: str, public: str = "", six: str = "", subnet: str = "subnet-1"
) -> Json:
    association = {"Association": {"IpOwnerId": "amazon", "PublicIp": public}} if public else {}
    return {
        **association,
        "Attachment": {"InstanceId": f"i-{address}", "DeviceIndex": 0, "Status": "attached"},
        "Groups": [{"GroupName": one, "GroupId": one} for one in names or ("sg-1",)],
        "Ipv6Addresses": [{"Ipv6Address": six}] if six else [],
        "NetworkInterfaceId": f"eni-{address}",
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": address, **association}],
        "SubnetId": subnet,
        "VpcId": "vpc-1",
    }


def interfaces(*those: Json) -> Json:
    return {"NetworkInterfaces": list(those)}


SUBNET = {
    "Subnets": [
        {
            "SubnetId": "subnet-1",
            "CidrBlock": "10.0.0.0/24",
            "VpcId": "vpc-1",
            "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/64"}],
        }
    ]
}
