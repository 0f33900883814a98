"""Who listens, and on which of this machine's addresses: can those who come from outside reach it?"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from shlex import quote

from pathprobe.core.layers import Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.listening.facts import Socket, Sockets, processes_of
from pathprobe.layers.listening.looking import look
from pathprobe.layers.listening.reach import Reach, reach, takes
from pathprobe.layers.listening.servers import checked_and_restarted, steps_out_of
from pathprobe.layers.listening.wording import clause, holder, listed

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


def find(facts: Sockets, used: Sockets, *, address: str | None, version: int | None, is_local: bool = False) -> Finding:
    """``facts``: all that serve the port, ``used``: those that the clients in question may meet."""
    if is_local and address is None:
        return _local(facts, used, version)
    if is_local or (address and ip_address(address).is_loopback):
        return _asked(facts, used.serving, address, version)
    family = ip_address(address).version if address else version
    outer = [one for one in used.serving if not one.is_loopback]
    present = [one for one in outer if one.address not in used.foreign]
    if not outer:
        return _loopback(used, family)
    return _asked(facts, present, address, version) if present else _foreign(used, outer, family)


def _asked(facts: Sockets, present: Sequence[Socket], address: str | None, version: int | None) -> Finding:
    fates = [meets(one, address, version) for one in present]
    if True not in fates:
        return _not_for_these(facts, address, version, doubtful=None in fates)
    return _served(facts) if address is not None else _spread(facts, present, version)


def _local(facts: Sockets, used: Sockets, version: int | None) -> Finding:
    """Whatever address a client on this machine needs, it may use."""
    fates = [meets(one, None, version) for one in used.serving]
    served = True in fates
    return _served(facts) if served else _not_for_these(facts, None, version, doubtful=None in fates)


def _who_and_where(facts: Sockets, sockets: Sequence[Socket], *, only: bool = False) -> str:
    """``nginx (pid 7) listens on A``, for each program; systemd says what it would start."""
    groups: dict[str, list[Socket]] = {}
    for socket in sockets:
        groups.setdefault(holder([socket], sees_all=facts.sees_all), []).append(socket)
    clauses = [clause(held, sees_all=facts.sees_all, only=only) for held in groups.values()]
    return " and ".join(clauses) + _started(facts)


def _started(facts: Sockets) -> str:
    """systemd alone has the socket: its service is not there yet."""
    units = dict.fromkeys(f"{one.socket}, which starts {one.unit} on demand" for one in facts.activations)
    alone = {process.name for process in processes_of(facts.serving)} <= {"systemd"}
    return f" for {listed(units)}" if units and alone else ""


def _served(facts: Sockets) -> Finding:
    return Finding(status=Status.PASS, sentence=_who_and_where(facts, facts.serving))


def _loopback(facts: Sockets, version: int | None) -> Finding:
    bound = any(one.device == "lo" and not ip_address(one.address).is_loopback for one in facts.serving)
    note = " (bound to the loopback interface)" if bound else ""
    who = _who_and_where(facts, facts.serving, only=True)
    sentence = f"{who}{note}: reachable from this machine, not from the network"
    fix = _fix(facts, facts.serving, version=version)
    return Finding(status=Status.FAIL, sentence=sentence, why=_LOOPBACK, fix=fix)


def _foreign(facts: Sockets, sockets: Sequence[Socket], version: int | None) -> Finding:
    what = (
        "an address that this machine does not have"
        if len({one.address for one in sockets}) == 1
        else "foreign addresses"
    )
    sentence = f"{_who_and_where(facts, sockets, only=True)}, {what}"
    fix = ("ip -br address", *_fix(facts, sockets, version=version))
    return Finding(status=Status.FAIL, sentence=sentence, why=_FOREIGN, fix=fix)


def _not_for_these(facts: Sockets, address: str | None, version: int | None, *, doubtful: bool) -> Finding:
    whom = f"on {address}" if address else f"over IPv{version}"
    who = _who_and_where(facts, facts.serving)
    if doubtful:
        sentence = f"{who}: whether {whom} too could not be told"
        return Finding(status=Status.UNKNOWN, sentence=sentence, why=_FAMILY, fix=(_whether_ipv6_only(facts),))
    why = _ONE_ADDRESS if address else _FAMILY
    family = ip_address(address).version if address else version
    # Every address of one family is served, none of the other.
    is_missing = not address or any(one.is_any and one.version != family for one in facts.serving)
    fix = _fix(facts, facts.serving, missing=family if is_missing else None, version=family)
    return Finding(status=Status.FAIL, sentence=f"{who}, not {whom}", why=why, fix=fix)


def _whether_ipv6_only(facts: Sockets) -> str:
    command = f"ss -6 -{'lt' if facts.protocol == 'tcp' else 'lu'}ne 'sport = :{facts.port}'"
    return command if facts.has_ss else f"# install iproute2; this says v6only:1 or v6only:0: {command}"


def _spread(facts: Sockets, present: Sequence[Socket], version: int | None) -> Finding:
    """Some clients at least find it: which do not?"""
    who = _who_and_where(facts, [one for one in facts.serving if one in present or not one.is_loopback])
    if not facts.addresses:
        return _without_addresses(facts, who, present)
    spread = reach(facts.serving, facts.addresses, version)
    missed, why = _missed(spread)
    if missed:
        sentence = f"{who}, not on {listed(missed)}"
        missing = ip_address(missed[0]).version if why == _FAMILY else None
        # Nobody outside finds it where no address of theirs is served at all.
        status = Status.WARN if spread.served or spread.doubtful else Status.FAIL
        return Finding(status=status, sentence=sentence, why=why, fix=_fix(facts, present, missing=missing))
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
    sentence = _who_and_where(facts, present, only=True)
    return Finding(status=Status.WARN, sentence=sentence, why=_ONE_ADDRESS, fix=_fix(facts, present))


def _fix(
    facts: Sockets, sockets: Sequence[Socket], *, missing: int | None = None, version: int | None = None
) -> tuple[str, ...]:
    """``missing``: the family to serve as well; None: every address is, of ``version`` or of the sockets'."""
    if facts.activations:
        stream = "ListenStream" if facts.protocol == "tcp" else "ListenDatagram"
        unit = quote(facts.activations[0].socket)
        edit = f"# in [Socket]: {stream}= (empties the list), then {stream}={facts.port}"
        return f"systemctl edit {unit}", edit, f"systemctl restart {unit}"
    held = [(socket, process) for socket in sockets for process in processes_of([socket])[:1]]
    edits = dict.fromkeys(
        step for socket, process in held for step in steps_out_of(socket, process, missing=missing, version=version)
    )
    return (*edits, *checked_and_restarted((process for _, process in held), facts.port)) or (f"sudo {look(facts)}",)
