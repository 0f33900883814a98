"""What follows from the cloud's row, and what is next?"""

from __future__ import annotations

from pathprobe.core.layers import Asked, Conclusion, Layer, Status


def conclude(row: Layer, asked: Asked) -> Conclusion:
    """One sentence, and the next steps."""
    if row.status is Status.FAIL:
        summary = f"layer {row.number} ({row.name}): {row.summary}"
        return Conclusion(
            layer=row.number,
            word="BLOCKED",
            summary=summary,
            next_steps=("Mend that, print the rules anew, and look again.",),
        )
    if row.status is Status.UNKNOWN:
        return Conclusion(
            layer=None,
            word="UNKNOWN",
            summary="the rules that were given do not tell",
            next_steps=(
                "Name the client: --from ADDRESS."
                if asked.source is None
                else "Print what it depends on too, and give it as a further file.",
            ),
        )
    also = "; not all was seen" if row.status is Status.WARN else ""
    return Conclusion(
        layer=None,
        word="LET IN",
        summary=f"the cloud's rules let it in, and the answer out{also}",
        next_steps=(
            f"If it cannot be reached all the same, something else stops it: pathprobe {_probe(asked)} from the client "
            "says where the packets die.",
        ),
    )


def _probe(asked: Asked) -> str:
    if asked.address is None:
        return f"{asked.protocol} ADDRESS" + ("" if asked.port is None else f":{asked.port}")
    if asked.port is None:
        return f"{asked.protocol} {asked.address}"
    host = f"[{asked.address}]" if ":" in asked.address else asked.address
    return f"{asked.protocol} {host}:{asked.port}"
