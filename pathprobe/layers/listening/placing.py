"""Who listens, and on which of this machine's addresses: can those who come from outside reach it?"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from shlex import quote

from pathprobe.core.layers import Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.listening.facts import Socket, Sockets, processes_of
from pathprobe.layers.listening.reach import Reach, reach, takes
from pathprobe.layers.listening.servers import steps_out_of
from pathprobe.layers.listening.wording import endpoints, holder, listed, verb

_LOOPBACK = (
    "A socket on a loopback address takes no packet that comes in by a network interface: the kernel answers those as "
    "if nothing listened. Before it is opened to the network, see to it that strangers need a password or are kept out."
)
_ONE_ADDRESS = "Packets to any other address of this machine are answered as if nothing listened."
_FOREIGN = "No packet comes for an address that this machine does not have; it was probably changed after the start."
_FAMILY = "A name with addresses of both families sends some clients to the one that is refused."


def meets(socket: Socket, address: str | None, version: int | None) -> bool | None:
    """May clients of this address or family find the socket? None: it depends on IPV6_V6ONLY."""
    if address is not None:
        return takes(socket, address)
    return {None: True, 4: socket.takes_v4, 6: socket.takes_v6}[version]


def find(facts: Sockets, used: Sockets, *, address: str | None, version: int | None) -> Finding:
    """``facts``: all that serve the port, ``used``: those that the clients in question may meet."""
    if address and ip_address(address).is_loopback:
        return _asked(facts, used.serving, address, version)
    outer = [one for one in used.serving if not one.is_loopback]
    present = [one for one in outer if one.address not in used.foreign]
    if not outer:
        return _loopback(used)
    return _asked(facts, present, address, version) if present else _foreign(used, outer)


def _asked(facts: Sockets, present: Sequence[Socket], address: str | None, version: int | None) -> Finding:
    fates = [meets(one, address, version) for one in present]
    if True not in fates:
        return _not_for_these(facts, address, version, doubtful=None in fates)
    return _served(facts) if address is not None else _spread(facts, present, version)


def _who_and_where(facts: Sockets, sockets: Sequence[Socket]) -> str:
    """``nginx (pid 7) listens on A``, for each program; systemd says what it would start."""
    groups: dict[str, list[Socket]] = {}
    for socket in sockets:
        groups.setdefault(holder([socket], sees_all=facts.sees_all), []).append(socket)
    clauses = [f"{who} {verb(held)} {endpoints(held)}" for who, held in groups.items()]
    return " and ".join(clauses) + _started(facts)


def _started(facts: Sockets) -> str:
    """systemd alone has the socket: its service is not there yet."""
    units = dict.fromkeys(f"{one.socket}, which starts {one.unit} on demand" for one in facts.activations)
    alone = {process.name for process in processes_of(facts.serving)} <= {"systemd"}
    return f" for {listed(units)}" if units and alone else ""


def _served(facts: Sockets) -> Finding:
    return Finding(status=Status.PASS, sentence=_who_and_where(facts, facts.serving))


def _loopback(facts: Sockets) -> Finding:
    who = holder(facts.serving, sees_all=facts.sees_all)
    places = endpoints(facts.serving)
    told = "are" if " and " in places else "is"
    how = "listened on" if facts.protocol == "tcp" else "served with UDP"
    sentence = f"only {places} {told} {how}, by {who}: fine locally, dead from outside"
    return Finding(status=Status.FAIL, sentence=sentence, why=_LOOPBACK, fix=_fix(facts, facts.serving))


def _foreign(facts: Sockets, sockets: Sequence[Socket]) -> Finding:
    what = (
        "an address that this machine does not have"
        if len({one.address for one in sockets}) == 1
        else "foreign addresses"
    )
    sentence = f"{_who_and_where(facts, sockets)} only, {what}"
    fix = ("ip -br address", *_fix(facts, sockets))
    return Finding(status=Status.FAIL, sentence=sentence, why=_FOREIGN, fix=fix)


def _not_for_these(facts: Sockets, address: str | None, version: int | None, *, doubtful: bool) -> Finding:
    whom = f"on {address}" if address else f"over IPv{version}"
    who = _who_and_where(facts, facts.serving)
    if doubtful:
        sentence = f"{who}: whether {whom} too could not be told"
        return Finding(
            status=Status.UNKNOWN, sentence=sentence, why=_FAMILY, fix=(f"ss -6 -ltune 'sport = :{facts.port}'",)
        )
    why = _ONE_ADDRESS if address else _FAMILY
    return Finding(status=Status.FAIL, sentence=f"{who}, not {whom}", why=why, fix=_fix(facts, facts.serving))


def _spread(facts: Sockets, present: Sequence[Socket], version: int | None) -> Finding:
    """Some clients at least find it: which do not?"""
    who = _who_and_where(facts, [one for one in facts.serving if one in present or not one.is_loopback])
    if not facts.addresses:
        return _without_addresses(facts, who, present)
    spread = reach(facts.serving, facts.addresses, version)
    missed, why = _missed(spread)
    if missed:
        sentence = f"{who}, not on {listed(missed)}"
        return Finding(status=Status.WARN, sentence=sentence, why=why, fix=_fix(facts, present))
    note = ", not over IPv6" if spread.unserved else ""
    return Finding(status=Status.PASS, sentence=who + note)


def _missed(spread: Reach) -> tuple[tuple[str, ...], str]:
    """The unserved addresses that somebody may miss; IPv4 without any IPv6 is most servers' way."""
    served = {ip_address(one).version for one in (*spread.served, *spread.doubtful)}
    missed = tuple(one for one in spread.unserved if ip_address(one).version == 4 or served != {4})
    whole_family = bool(served) and not served & {ip_address(one).version for one in missed}
    return missed, _FAMILY if whole_family else _ONE_ADDRESS


def _without_addresses(facts: Sockets, who: str, present: Sequence[Socket]) -> Finding:
    if any(one.is_any and one.device is None for one in present):
        return Finding(status=Status.PASS, sentence=who)
    return Finding(status=Status.WARN, sentence=f"{who} only", why=_ONE_ADDRESS, fix=_fix(facts, present))


def _fix(facts: Sockets, sockets: Sequence[Socket]) -> tuple[str, ...]:
    if facts.activations:
        stream = "ListenStream" if facts.protocol == "tcp" else "ListenDatagram"
        unit = quote(facts.activations[0].socket)
        edit = f"# in [Socket]: {stream}= (empties the list), then {stream}={facts.port}"
        return f"systemctl edit {unit}", edit, f"systemctl restart {unit}"
    steps: dict[str, None] = {}
    for socket in sockets:
        for process in processes_of([socket])[:1]:
            steps |= dict.fromkeys(steps_out_of(socket.address, process, socket.port))
    return tuple(steps) or (f"sudo ss -ltunp 'sport = :{facts.port}'",)
