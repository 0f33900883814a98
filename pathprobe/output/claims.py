"""How is each reason said? One sentence a claim, in a table; facts in, text out."""

from __future__ import annotations

from collections.abc import Mapping

from pathprobe.core.probes import FULL_TTL
from pathprobe.core.report import Claim, Fact, Hop, Reason
from pathprobe.output import watched
from pathprobe.output.flows import who_cross
from pathprobe.output.wording import explain_errno, place

_Facts = Mapping[str, Fact]

_CLAIMS = {
    Claim.ANSWERED: "The answer to {probes} {proof}; it arrived with TTL {ttl}.",
    Claim.RESET_BY_TARGET: "A reset came back for {probes}; it arrived with TTL {ttl}.",
    Claim.REFUSED: "{source} answered {probes} with ICMP {message}, quoting the packet.",
    Claim.TEST_SILENT: "{all_probes} died past {past}, without a word.",
    Claim.TEST_UNANSWERED: "{all_probes} went past {past} and drew no answer.",
    Claim.SOME_SILENT: "{probes} drew no answer at all.",
    Claim.CONTROL_PASSED: "{count} of {sent} control probes ({kinds}) got through in the same seconds.",
    Claim.CONTROL_REFUSED: "{source} also refused {controls} ({service}): ICMP {message}.",
    Claim.CONTROL_SILENT: "{controls} of other kinds ({kinds}) died there too: it is not about this port alone.",
    Claim.INTERVAL: "A drop shows as an interval: the rule is on the way out of {good} or on the way in to {bad}.",
    Claim.BROAD_INTERVAL: "The hops in between answered nobody, so the rule may be on any box from {good} to {bad},"
    " or on the way back.",
    Claim.TARGET_EDGE: "From here these cannot be told apart: a rule on the way out of {good}, the firewall of {bad},"
    " an answer lost on the way back.",
    Claim.MUTE_EDGE: "From here these cannot be told apart: a silent service, a rule on the way out of {good},"
    " the firewall of {bad}, an answer lost on the way back.",
    Claim.LOCAL_SILENCE: "Nothing lies between: a rule of this host drops it.",
    Claim.SILENT_HOPS: "{the_hops} answered nobody; packets pass all the same.",
    Claim.SPARING_HOPS: "{the_hops} answered {answered} of {asked} probes that ended there, and all that go farther"
    " arrive: routers limit their ICMP, nothing is lost.",
    Claim.LOSS: "Packets get lost on the way: {count} of {sent} {what} to the target drew no answer.",
    Claim.EARLY_ANSWER: "{probes} drew the answer from TTL {ttl} on; the target is {distance} hops away and cannot be"
    " reached with that.",
    Claim.NEARER_REPLY: "The answer came back over {hops_back}, judging by its TTL; the target's own answers ({kinds})"
    " come over {usual}.",
    Claim.TAPPED: "The target answered {probes} too, only later: the forger lets packets pass and is faster (a tap).",
    Claim.SAME_DISTANCE: "The answer came back over {hops_back}, judging by its TTL, as the target's other answers do"
    " ({kinds}).",
    Claim.SAME_BOTH_WAYS: "It took a TTL of {ttl} to draw the answer, which came back over {hops_back}, judging by its"
    " TTL: one and the same distance.",
    Claim.NO_COMPARISON: "The target answers nothing else, so there is nothing to compare this answer with.",
    Claim.NOT_SENT: "The kernel refused {probes}: {error}, {errno}.",
    Claim.NOT_SEEN: "The kernel accepted {probes}, and none was seen to leave the interface.",
    Claim.NO_NEIGHBOUR: "No packet of any kind was seen to leave: the next hop's link address is not known,"
    " the link is down, or a rule on the interface drops everything.",
    Claim.GAVE_UP: "This host's own kernel gave up on {probes} and told itself so: ICMP {message}.",
    Claim.EXPIRED_AT_FULL_TTL: f"{{probes}} ran out of a TTL of {FULL_TTL} at {{source}}.",
    Claim.CIRCLE: "Hop {again} is {address} again, which was hop {before} already: a round of {period} hops.",
    Claim.CAME_BACK: "{probes} came back to this host itself, with a smaller TTL: a router sends them back here.",
    Claim.FORWARDED: "The TTL of {probes} ran out at {target} itself, which would not look at it if it kept the packet:"
    " it forwards this port to something behind it.",
    Claim.BEHIND_TARGET: "From here these cannot be told apart: a rule on the way out of {good}, what it forwards to"
    " (its firewall, or it is down), an answer lost on the way back.",
    Claim.OTHER_INTERFACE: "The answer came in on {came}, though packets to the target leave by {left}: with strict"
    " reverse path filtering (rp_filter=1, nft fib, iptables rpfilter) this host drops that.",
    Claim.NO_ADDRESS: "This host has no address of its own to send from.",
    Claim.TABLE_FULL: "This host's connection table is full ({entries} of {most} entries): what is new is dropped.",
    Claim.LINK_OFF: "The interface {interface} is down.",
    Claim.NO_CARRIER: "The interface {interface} has no carrier: the cable, or the other end.",
    Claim.REVERSE_PATH: "rp_filter is 1 (strict) on {interface}: an answer that does not come in by the route's own"
    " interface is dropped.",
    Claim.DEAF: "The answer to {probes} came in at this host's interface, and its own TCP never reacted, though a"
    " reset can leave: a rule on the way in drops it, or a policy rule"
    " (ip rule) keeps its TCP from answering.",
    Claim.UNHEARD: "This host's own TCP was not seen to react to the answer: a rule of its own may drop the answer"
    " (then programs here cannot connect) or the reset.",
    Claim.CLOSED_PORTS_TOLD: "{count} of {sent} datagrams to ports that nothing listens on drew a port unreachable:"
    " were this port closed, the target would have said so. That rules out closed, not open and silent, nor dropped.",
    Claim.CLOSED_PORTS_SILENT: "{count} of {sent} datagrams to ports that nothing listens on were as silent: this"
    " target does not tell of closed ports, so its silence rules out nothing.",
    Claim.ASKED_AS_CLIENT: "Each datagram was a client's request ({name}), to which a server that serves this host"
    " sends {expects}.",
    Claim.ASKED_IN_TEXT: "No service is known for this port, so plain text was sent; --payload sends a request of"
    " your own.",
    Claim.SILENT_BY_NATURE: "A working service ({name}) does not answer strangers either: its silence is no fault.",
    Claim.NOT_TRACED: "The path was not traced that far, so there is no telling where they died.",
    Claim.FLOWS_DIE: "{died} of {of} flows die: {probes} on them came to nothing, while {lived} on others were"
    " answered.",
    Claim.SAME_ROUTER: "{who_cross} cross {router} (hop {hop}); of {compared} flows that live and were traced there,"
    " none does.",
    Claim.UNSEEN_AT: "Not one of those that die is seen at hop {hop}, where those that live cross {routers}.",
    Claim.NOTHING_IN_COMMON: "No router that answers is crossed by those that die and by none of those that live.",
    Claim.DYING_NOT_TRACED: "How far those that die get was not traced.",
    Claim.PORTS_DIFFER: "A different source port changes the answer: the path branches, or a box on it balances.",
    Claim.SEVERAL_ROUTERS: "Hop {hop} has several routers: {routers}.",
    Claim.ECHO_FLOWS: "Linux routers spread echo by addresses only: all echo flows may have gone one way, where TCP"
    " would branch.",
    Claim.NEVER_CAME: "{of_probes} left the client and never came to the server.",
    Claim.CAME: "{of_probes} came to the server.",
    Claim.CAME_UNANSWERED: "{of_probes} came to the server's interface, and it sent nothing in answer.",
    Claim.ANSWERS_LOST: "The server sent {answers_sent} in answer to {probes}; none came to the client.",
    Claim.ANSWER_IGNORED: "The server's answer came to the client's interface, and the client's TCP asked again all"
    " the same: a rule of its own drops it.",
    Claim.SERVER_ANSWERED: "{count} of {tries_of} drew an answer that the server was seen to send and the client to"
    " receive.",
    Claim.SERVER_REFUSED: "The server itself refused: {refusal}.",
    Claim.SOME_LIVE: "{count} of {tries_of} were answered.",
    Claim.NEVER_SENT: "{answers_sent} came to the client in the name of {source}, with TTL {ttl}, and the server never"
    " sent that.",
    Claim.FORGED_FROM: "Judging by its TTL it came over {hops_back}; the server's own packets come over {usual}.",
    Claim.RAN: "The server's capture ran meanwhile: packets of this client from before and after are in it.",
    Claim.RAN_BY_CLOCK: "The server's capture ran meanwhile, by the clocks as they were compared.",
    Claim.RAN_IF_CLOCKS_AGREE: "No packet is in both captures, so their clocks cannot be compared; if they agree, the"
    " server's ran meanwhile.",
    Claim.NOTHING_CAPTURED: "The server's capture is empty. So it looks when nothing arrives, and just so when its"
    " filter was wrong, it listened on another interface or host, or did not run at that time.",
    Claim.MAY_NOT_HAVE_RUN: "The server's capture has no packet from that time, so it cannot be told whether it ran;"
    " if it did, they never arrived.",
    Claim.ONE_WAY_CAPTURE: "The server's capture holds nothing that the server sent: it may see one direction only, so"
    " it does not tell who answered.",
    Claim.OR_ELSEWHERE: "Whether they were dropped, or sent to another host by a NAT, these two ends cannot tell.",
    Claim.LOST_ON_THE_WAY: "{lost} of {out_of} packets were lost on the way {way}: a loss of {low:.0%} to {high:.0%}.",
    Claim.BROKEN_OFF: "Within the connection {resets} came to the {receiver}, with TTL {ttl}, which the {sender} never"
    " sent: a box on the way broke it off.",
    Claim.DATA_LOST: "Of {out_of} octets that the {sender} sent, {octets} never arrived, sent {times}"
    " (octets {first} to {last}).",
    Claim.LARGE_DATA_LOST: "Of {out_of} octets that the {sender} sent, {octets} never arrived, sent {times}:"
    " every lost packet had {smallest} octets or more, every one that arrived {largest} or less - the size"
    " decides (MTU).",
    Claim.UNRESOLVED: "{trouble}.",
    Claim.AS_TRACED: "The same as {like}, which was traced step by step; this target was not traced itself.",
    Claim.STEP_SILENT: "Its own probe with TTL {ttl} died before hop {ttl} as well, where {passed} of {sent} control"
    " probes were answered in the same seconds.",
    Claim.STEP_UNPROVED: "Whether its own packets die in the same place was not shown: hop {ttl} had no answer to spare"
    " for a control.",
    Claim.REACHED_ALIKE: "Its own probe with TTL {ttl} came to hop {ttl} as well, which answered.",
    Claim.ECHO_ALIKE: "Echo fares alike at both.",
    Claim.UNFINISHED: "It ended before the network had its time to answer.",
}


def claim(reason: Reason) -> str:
    """The sentence of one reason."""
    sentence = watched.SENTENCES.get(reason.claim) or _CLAIMS[reason.claim]
    return sentence.format_map({**reason.facts, **_words(reason.facts), **watched.words(reason.facts)})


def _words(facts: _Facts) -> dict[str, str]:
    """The phrases that sentences are made of; a fact that is not there makes an empty or general one."""
    count = int(facts.get("count") or 0)
    of, answers = int(facts.get("of") or 0), int(facts.get("answers") or 0)
    probes = _probes(count, str(facts.get("service") or ""))
    return {
        "probes": f"{count} {probes}",
        "all_probes": f"{count} of {count} {probes}",
        "of_probes": f"{count} of {of} {_probes(of, str(facts.get('service') or ''))}",
        "tries_of": f"{of} {'try' if of == 1 else 'tries'}",
        "answers_sent": f"{answers} {'packet' if answers == 1 else 'packets'}",
        "resets": "a reset" if answers == 1 else f"{answers} resets",
        "times": "once" if facts.get("tries") == 1 else f"{facts.get('tries')} times",
        "refusal": f"ICMP {facts['message']}" if facts.get("message") else "a reset",
        "controls": f"{count} control {'probe' if count == 1 else 'probes'}",
        "proof": _proof(probes),
        "past": f"hop {facts['hop']}" if facts.get("hop") else str(facts.get("here", "this host")),
        "good": _end(facts, "good"),
        "bad": _end(facts, "bad"),
        "hops_back": "1 hop" if facts.get("back") == 1 else f"{facts.get('back')} hops",
        "errno": explain_errno(str(facts.get("error"))),
        "the_hops": f"Hop {facts.get('hops')}" if facts.get("hop_count") == 1 else f"Hops {facts.get('hops')}",
        "who_cross": who_cross(facts),
    }


def _probes(count: int, service: str) -> str:
    one = {"tcp": "SYN", "udp": "datagram"}.get(service.partition("/")[0])
    plural = "" if count == 1 else "s"
    return f"{one}{plural} to {service}" if one else f"echo request{plural}"


def _proof(probes: str) -> str:
    """By what an answer shows that it is one; strangers' packets too, so nothing in it is ours."""
    if probes.startswith("datagram"):
        return "came back to the port that asked"
    return "repeats just what was sent" if probes.startswith("echo") else "acknowledges just what was sent"


def _end(facts: _Facts, name: str) -> str:
    ttl, address = facts.get(f"{name}_ttl"), facts.get(f"{name}_address")
    return "the target" if ttl is None else place(Hop(ttl=int(ttl), address=str(address) if address else None))
