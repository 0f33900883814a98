"""Is it the program that keeps silent, or are its large packets lost on the way?

A handshake of TCP is small; certificates and long requests fill packets. Where a path takes less than its ends believe
and nobody says so, small packets pass and large ones do not (RFC 2923 section 2.1). What the kernel knows of the
connection tells the two apart: packets that came behind a missing one, or ours that nobody confirms.
"""

from __future__ import annotations

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.app.facts import Broken, KernelView, Step
from pathprobe.layers.app.target import Question
from pathprobe.layers.app.wording import on_the_path, patience
from pathprobe.layers.findings import Finding

_LOST = (
    "Small packets pass and large ones do not: a link on the way takes less than both ends believe, and the ICMP that "
    "would say so is dropped."
)
_UNSURE = (
    "A program that hangs and large packets that are lost on the way look alike from here: the TCP handshake is small "
    "and passes."
)
_SILENT = "TCP's handshake is the kernel's; that the program itself answers it does not say."

_CLAMP = (
    "# on the router before the narrow link: nft add rule inet filter forward tcp flags syn tcp option maxseg size set "
    "rt mtu"
)


def stalled(broken: Broken, question: Question) -> Finding:
    """What a silence after the connection means."""
    kernel, waited = broken.kernel, patience(question)
    doing = "the TLS handshake" if broken.step is Step.TLS else "the answer"
    sizes = on_the_path(question, "--mtu")
    if kernel and kernel.out_of_order:
        what = f"{kernel.out_of_order} packet{'s' if kernel.out_of_order > 1 else ''} came behind one that is missing"
        sentence = f"{doing} stalls: {what}, so the server's large packets are lost on the way (path MTU)"
        return Finding(status=Status.FAIL, sentence=sentence, evidence=_seen(kernel), why=_LOST, fix=(sizes, _CLAMP))
    if kernel and kernel.unacknowledged and kernel.sent_again and broken.sent > kernel.largest_sent:
        sentence = f"{doing} stalls: {broken.sent} octets were sent in packets of up to {kernel.largest_sent}, and "
        sentence += "the large ones are not confirmed (path MTU)"
        return Finding(status=Status.FAIL, sentence=sentence, evidence=_seen(kernel), why=_LOST, fix=(sizes, _CLAMP))
    if kernel and kernel.unacknowledged and kernel.sent_again:
        sentence = f"{doing} stalls: what was sent is not even confirmed, {kernel.sent_again} times sent again"
        return Finding(status=Status.FAIL, sentence=sentence, evidence=_seen(kernel), fix=(on_the_path(question),))
    if broken.step is Step.TLS:
        came = f"only {broken.received} octets came" if broken.received else "nothing came"
        sentence = f"the TLS handshake stalls: {came} within {waited}; the program hangs, or its large packets are lost"
        sentence += " (path MTU)"
        fix = (f"{sizes}  # do large packets pass?", f"# on the server: sudo pathprobe host {question.port}")
        return Finding(status=Status.FAIL, sentence=sentence, evidence=_seen(kernel), why=_UNSURE, fix=fix)
    if broken.received and broken.head:
        sentence = f"the answer breaks off after {len(broken.head)} octets: nothing more within {waited}"
        return Finding(status=Status.FAIL, sentence=sentence, evidence=_seen(kernel), why=_UNSURE, fix=(sizes,))
    sentence = f"it accepts the connection and answers nothing within {waited}"
    fix = (
        f"# on the server: sudo pathprobe host {question.port}, and the log of the program",
        f"{sizes}  # do large packets pass?",
    )
    return Finding(status=Status.FAIL, sentence=sentence, evidence=_seen(kernel), why=_SILENT, fix=fix)


def _seen(kernel: KernelView | None) -> tuple[Evidence, ...]:
    if kernel is None:
        return ()
    text = (
        f"{kernel.unacknowledged} of our segments not confirmed, {kernel.sent_again} sent again, "
        f"{kernel.out_of_order} received out of order, path MTU {kernel.path_mtu} as far as known"
    )
    return (Evidence(source="tcp_info", text=text),)
