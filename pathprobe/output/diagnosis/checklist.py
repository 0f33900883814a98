"""What is to be looked at after a port was changed, and what of it was measured just now?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from pathprobe.core.layers import Item, Layer, LayerName, Mark, Status
from pathprobe.core.report import Result, State, Where
from pathprobe.output import wording

_MARKS = {Status.PASS: Mark.OK, Status.WARN: Mark.LOOK, Status.FAIL: Mark.MEND}

#: Topic -> the row that answers it, and what to run where nobody looked.
_BY_ROW = (
    ("application configuration", LayerName.LISTENING, "on the server: pathprobe host {port}"),
    ("OS firewall", LayerName.FIREWALL, "on the server: pathprobe host {port}"),
    ("SELinux, AppArmor", LayerName.SELINUX, "on the server: pathprobe host {port}"),
    ("cloud group and ACL", LayerName.CLOUD, "pathprobe cloud FILE --to {target} --from {source}"),
)


def checklist(layers: Sequence[Layer], result: Result) -> tuple[Item, ...]:
    """The items in the order in which they go wrong."""
    rows = {row.name: row for row in layers}
    words = {
        "port": f"{result.target.port}/{result.target.protocol}",
        "target": _host_and_port(result),
        "source": result.source,
    }
    measured = [_of_row(topic, rows.get(name), otherwise.format_map(words)) for topic, name, otherwise in _BY_ROW]
    return (*measured, _balancer(result), _dns(result), *_by_hand(words))


def _of_row(topic: str, row: Layer | None, otherwise: str) -> Item:
    if row is None or row.status is Status.SKIP:
        return Item(topic=topic, mark=Mark.LOOK, said=f"not looked at; {otherwise}")
    return Item(topic=topic, mark=_MARKS.get(row.status, Mark.LOOK), said=row.summary)


def _balancer(result: Result) -> Item:
    topic = "load balancer backend"
    verdict = result.verdict
    if verdict.state is State.OPEN and verdict.location.where is Where.PATH:
        return Item(
            topic=topic, mark=Mark.LOOK, said=f"{wording.finding(result)}: does its health check ask this port?"
        )
    return Item(topic=topic, mark=Mark.LOOK, said="does its health check ask this port, and is the backend in?")


def _dns(result: Result) -> Item:
    topic, target = "DNS", result.target
    host = target.given.rpartition(":")[0].strip("[]") or target.given
    if _is_address(host):
        return Item(topic=topic, mark=Mark.LOOK, said=f"asked by address: does the service's name lead to {host}?")
    return Item(topic=topic, mark=Mark.OK, said=f"{host} is {target.address} from here")


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _by_hand(words: Mapping[str, str]) -> tuple[Item, ...]:
    said = {
        "monitoring probes": "do they ask {target}, and no port that is gone?",
        "documentation": "attach this: --ticket DIR",
        "rollback plan": "on the server, before: pathprobe host backup DIR; afterwards compare: pathprobe diff A B",
    }
    return tuple(Item(topic=topic, mark=Mark.LOOK, said=text.format_map(words)) for topic, text in said.items())


def _host_and_port(result: Result) -> str:
    target = result.target
    host = f"[{target.address}]" if ":" in target.address else target.address
    return f"{host}:{target.port}"
