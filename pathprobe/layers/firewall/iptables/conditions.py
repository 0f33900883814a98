"""Which conditions does a rule of iptables make, of all its options and matches?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from pathprobe.layers.firewall.iptables import conntrack as connections
from pathprobe.layers.firewall.iptables import matches, sets
from pathprobe.layers.firewall.iptables.options import GENERAL, Conditions, Context, name_of, read_option
from pathprobe.layers.firewall.iptables.values import protocol
from pathprobe.layers.firewall.iptables.words import Dissected, Module
from pathprobe.layers.firewall.model import Condition, Opaque


def conditions(rule: Dissected, context: Context) -> Iterator[Condition]:
    """All that the rule asks for, as written: none is left out."""
    for option in rule.general:
        yield from read_option(GENERAL.get(name_of(option)), option, context)
    inner = replace(context, protocol=_only_protocol(rule)) if rule.matches else context
    for match in rule.matches:
        yield from _of_match(match, inner)
    for option in rule.stray:
        yield Opaque(text=option.text)


def _only_protocol(rule: Dissected) -> int | None:
    """The protocol that a rule is about, by which its ports are named."""
    for option in rule.general:
        if name_of(option) == "-p" and not option.negated and option.values:
            try:
                return protocol(option.value)
            except ValueError:
                return None
    return None


#: Matches whose options belong together.
_WHOLE: Mapping[str, Callable[[Module, Context], Conditions]] = {
    "state": connections.state,
    "conntrack": connections.conntrack,
    "set": sets.in_set,
    "addrtype": matches.address_type,
    "rpfilter": matches.reverse_path,
    "recent": matches.recent,
    "rt": matches.extension_header,
    "frag": matches.extension_header,
    "hbh": matches.extension_header,
    "dst": matches.extension_header,
    "limit": matches.rate,
    "hashlimit": matches.rate,
    "connlimit": matches.rate,
    "quota": matches.rate,
}


def _of_match(match: Module, context: Context) -> Conditions:
    readers = matches.BY_OPTION.get(match.name)
    if readers is not None:
        return [
            condition
            for option in match.options
            for condition in read_option(readers.get(option.name), option, context, owner=match.name)
        ]
    whole = _WHOLE.get(match.name)
    if whole is not None:
        try:
            return tuple(whole(match, context))
        except ValueError:
            pass
    return (Opaque(text=match.text),)
