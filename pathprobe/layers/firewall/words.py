"""How is a rule named, so that whoever reads it finds it at once?"""

from __future__ import annotations

import ipaddress

from pathprobe.core.layers import Evidence
from pathprobe.layers.firewall.model import Backend, Family, Ranges
from pathprobe.layers.firewall.outcome import Doubt, Fate, Outcome, Place

#: What shows the rules of a backend, by address family where it has a command for each.
_LISTED_BY = {
    (Backend.IPTABLES_NFT, Family.IP): "iptables-save -c",
    (Backend.IPTABLES_NFT, Family.IP6): "ip6tables-save -c",
    (Backend.IPTABLES_LEGACY, Family.IP): "iptables-legacy-save -c",
    (Backend.IPTABLES_LEGACY, Family.IP6): "ip6tables-legacy-save -c",
}

_VERBS = {
    Fate.ACCEPTED: "let in",
    Fate.DROPPED: "dropped",
    Fate.REJECTED: "rejected",
    Fate.HANDED: "handed on",
    Fate.LOST: "lost",
}

#: Groups of senders that are written out; more are counted.
_MOST_SENDERS = 3


def listed_by(place: Place) -> str:
    """The command that shows a place's rules."""
    return _LISTED_BY.get((place.backend, place.family), "nft -a list ruleset")


def where(place: Place) -> str:
    """``inet filter input handle 7``, ``filter INPUT rule 3, nft handle 7``, ``the policy of inet filter input``."""
    if place.backend is Backend.NFT:
        chain = f"{place.family} {place.table} {place.chain}"
        numbered = f"{chain} handle {place.rule.handle}" if place.rule and place.rule.handle else chain
    else:
        chain = f"{place.table} {place.chain}"
        numbered = f"{chain} rule {place.rule.number}" if place.rule else chain
        if place.rule and place.rule.handle:
            numbered += f", nft handle {place.rule.handle}"
    return numbered if place.rule else f"the policy of {chain}"


def rule(place: Place) -> str:
    """``"tcp dport 8080 drop" (inet filter input handle 7)``, or the policy."""
    return f'"{place.rule.text}" ({where(place)})' if place.rule else where(place)


def hits(place: Place) -> str:
    """``12 packets so far``; empty where the rule does not count."""
    packets = place.rule.packets if place.rule else None
    if packets is None:
        return ""
    return f"{packets} {'packet' if packets == 1 else 'packets'} so far"


def evidence(place: Place, note: str = "") -> Evidence:
    """The rule as its own tool shows it, with how often it was met."""
    text = place.rule.text if place.rule else f"policy {place.policy}"
    notes = "; ".join(filter(None, (hits(place), note)))
    return Evidence(source=listed_by(place), ref=where(place), text=f"{text}   [{notes}]" if notes else text)


def fate(outcome: Outcome) -> str:
    """``dropped by "tcp dport 8080 drop" (inet filter input handle 7)``, without a full stop."""
    if outcome.fate is Fate.LOST:
        return f"sent where nobody takes it: {outcome.detail}"
    verb = _VERBS[outcome.fate]
    if outcome.fate is Fate.HANDED:
        by = f" by {rule(outcome.decided)}" if outcome.decided else ""
        return f"{verb}{by} and decided elsewhere" + (f" ({outcome.detail})" if outcome.detail else "")
    if outcome.decided is None:
        return f"{verb}: no rule is against it"
    return f"{verb} by {rule(outcome.decided)}{_answer(outcome)}"


def _answer(outcome: Outcome) -> str:
    """With what it is rejected, where the rule does not say so itself."""
    if outcome.fate is not Fate.REJECTED or outcome.decided is None or outcome.decided.rule is None:
        return ""
    said = outcome.detail in outcome.decided.rule.text or "--reject-with" in outcome.decided.rule.text
    return "" if said or not outcome.detail else f", with {outcome.detail}"


def doubt(one: Doubt) -> str:
    """On what it depends: the condition, and whose it is."""
    if one.place is None:
        return one.text
    whole = one.place.rule.text if one.place.rule else ""
    return f'"{one.text}"' + (f' in "{whole}"' if whole and whole != one.text else "") + f" ({where(one.place)})"


def senders(sources: Ranges | None, version: int) -> str:
    """``10.0.0.0/8 and 192.0.2.7``, ``5 networks``, ``everybody``."""
    if sources is None:
        return "everybody"
    bits = 32 if version == 4 else 128
    if sources == ((0, (1 << bits) - 1),):
        return "everybody"
    networks = [one for low, high in sources[: _MOST_SENDERS + 1] for one in _networks(low, high, version)]
    if len(networks) > _MOST_SENDERS or len(sources) > _MOST_SENDERS:
        size = sum(high - low + 1 for low, high in sources)
        return "everybody else" if size > (1 << bits) // 2 else f"{len(sources)} ranges of addresses"
    return f"{', '.join(networks[:-1])} and {networks[-1]}" if len(networks) > 1 else networks[0]


def _networks(low: int, high: int, version: int) -> list[str]:
    make = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    found = ipaddress.summarize_address_range(make(low), make(high))
    return [str(one.network_address) if one.num_addresses == 1 else str(one) for one in found]
