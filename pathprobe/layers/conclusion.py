"""What do the rows of this machine say together?

The first broken layer is the one to mend; what else is broken stands beside it, for it will be next.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathprobe.core.layers import Asked, Conclusion, Layer, LayerName, Status


def conclude(layers: Sequence[Layer], asked: Asked) -> Conclusion:
    """One sentence that joins the rows, and what to do next."""
    broken = [one for one in layers if one.status is Status.FAIL]
    unclear = [one for one in layers if one.status is Status.UNKNOWN]
    if broken:
        return _stopped(broken, asked)
    if unclear:
        return Conclusion(
            layer=None,
            word="UNKNOWN",
            summary=f"{_rows(unclear)} could not be told; nothing else stops it",
            next_steps=(
                f"{_command(asked)} --watch-arrivals 30, and ask from the client meanwhile: it shows what becomes of "
                "each packet.",
            ),
        )
    warned = [one for one in layers if one.status is Status.WARN]
    doubt = f"; {_rows(warned)} {'deserve' if len(warned) > 1 else 'deserves'} a look" if warned else ""
    return Conclusion(
        layer=None,
        word="HEALTHY",
        summary=f"nothing on this machine stops it{doubt}",
        next_steps=(
            f"If it cannot be reached all the same, the packets die on their way: pathprobe {asked.protocol} "
            f"ADDRESS:{asked.port} from the client says where.",
            f"{_command(asked)} --watch-arrivals 30 shows here whether they arrive.",
        ),
    )


def _stopped(broken: Sequence[Layer], asked: Asked) -> Conclusion:
    word = "NOT SERVED" if any(one.is_absent for one in broken) else "BLOCKED"
    first, *others = _causes(broken)
    also = "".join(f"; layer {one.number} ({one.name}) stops it too" for one in others)
    return Conclusion(
        layer=first.number,
        word=word,
        summary=f"layer {first.number} ({first.name}): {first.summary}{also}",
        next_steps=(f"Fix that, then check again: {asked.command or _command(asked)}",),
    )


def _causes(broken: Sequence[Layer]) -> list[Layer]:
    """Without the row that only shows what another one explains: who may not bind a port does not listen on it."""
    denied = any(one.name is LayerName.SELINUX for one in broken)
    return [one for one in broken if not (denied and one.is_absent)]


def _command(asked: Asked) -> str:
    return f"sudo pathprobe host {asked.label_of_port}"


def _rows(layers: Sequence[Layer]) -> str:
    return " and ".join(f"layer {one.number} ({one.name})" for one in layers)
