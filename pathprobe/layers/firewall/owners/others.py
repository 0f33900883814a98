"""Somebody else's rule stopped the packet: fail2ban's, Kubernetes', libvirt's. What does its owner want to be told?

Their rules are written anew whenever they like, so that a rule of one's own before theirs is no lasting cure.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.layers.firewall.outcome import Outcome, Place
from pathprobe.layers.firewall.owners.owner import Explanation, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """{port}, {protocol}, {source} and {jail} are filled in; a source that is not known is ADDRESS."""

    sentence: str
    fixes: tuple[str, ...]


ADVICE = {
    "fail2ban": Advice(
        sentence="fail2ban's jail {jail} has banned the address for failed logins.",
        fixes=("fail2ban-client set {jail} unbanip {source}", "fail2ban-client status {jail}"),
    ),
    "CrowdSec": Advice(
        sentence="CrowdSec has banned the address.",
        fixes=("cscli decisions delete --ip {source}", "cscli decisions list"),
    ),
    "sshguard": Advice(
        sentence="sshguard has blocked the address for failed logins.",
        fixes=("nft list table ip sshguard", "systemctl restart sshguard"),
    ),
    "csf": Advice(
        sentence="csf keeps it out: the address is denied, or /etc/csf/csf.conf has not the port in TCP_IN or UDP_IN.",
        fixes=("csf -dr {source}", "csf -g {source}", "csf -r"),
    ),
    "Shorewall": Advice(
        sentence="Shorewall has no rule that accepts it: one in /etc/shorewall/rules is wanted.",
        fixes=("echo 'ACCEPT net $FW {protocol} {port}' >> /etc/shorewall/rules && shorewall reload",),
    ),
    "libvirt": Advice(
        sentence="libvirt lets nothing into a virtual network that a guest did not ask for, unless it is routed.",
        fixes=("virsh net-list --all", "virsh net-edit default"),
    ),
    "Kubernetes": Advice(
        sentence="Kubernetes keeps it out: a Service without ready endpoints, or one that takes packets of some only.",
        fixes=("kubectl get services,endpointslices --all-namespaces", "kubectl get networkpolicies --all-namespaces"),
    ),
    "Calico": Advice(
        sentence="A network policy of Calico keeps it out.",
        fixes=("kubectl get networkpolicies --all-namespaces", "calicoctl get globalnetworkpolicy"),
    ),
    "Cilium": Advice(
        sentence="A network policy of Cilium keeps it out.",
        fixes=("kubectl get ciliumnetworkpolicies,networkpolicies --all-namespaces",),
    ),
    "podman": Advice(
        sentence="podman keeps its networks apart: the port is not published, or the network is an internal one.",
        fixes=("podman port --all", "podman network reload --all"),
    ),
    "LXD": Advice(
        sentence="LXD lets in what a proxy device or a network forward names.",
        fixes=("lxc network forward list lxdbr0", "lxc network acl list"),
    ),
    "Incus": Advice(
        sentence="Incus lets in what a proxy device or a network forward names.",
        fixes=("incus network forward list incusbr0", "incus network acl list"),
    ),
    "OpenWrt": Advice(
        sentence="OpenWrt's firewall has no traffic rule that accepts it: one in /etc/config/firewall is wanted.",
        fixes=("uci show firewall",),
    ),
    "Tailscale": Advice(
        sentence="Tailscale drops what claims an address of its network and comes by another interface.",
        fixes=("tailscale status",),
    ),
    "wg-quick": Advice(
        sentence="wg-quick drops what is for the tunnel's address and comes by another interface.",
        fixes=("wg show",),
    ),
}

#: nft: fail2ban's rules look the address up in a set that is called after the jail.
_SETS = ("@addr-set-", "@addr6-set-")


def explain(owner: str, outcome: Outcome, question: Question) -> Explanation:
    assert outcome.decided is not None
    advice = ADVICE.get(owner)
    if advice is None:
        return Explanation(owner=owner, sentence=f"The rule is {owner}'s, which writes it anew.")
    words = {
        "port": question.port,
        "protocol": question.protocol,
        "source": question.source or "ADDRESS",
        "jail": _jail(outcome.decided),
    }
    # Shell variables stand in them as well, so each word is replaced and nothing is formatted.
    return Explanation(
        owner=owner, sentence=_filled(advice.sentence, words), fixes=tuple(_filled(one, words) for one in advice.fixes)
    )


def _filled(text: str, words: dict[str, object]) -> str:
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def _jail(place: Place) -> str:
    for word in place.rule.text.split() if place.rule is not None else ():
        for prefix in _SETS:
            if word.startswith(prefix):
                return word.removeprefix(prefix)
    named = place.chain.removeprefix("f2b-").removeprefix("fail2ban-")
    return "JAIL" if named in (place.chain, "chain") else named
