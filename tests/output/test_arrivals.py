"""How is it told what became of the packets that arrived?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC

import pytest

from pathprobe.core.arrivals.book import Book
from pathprobe.core.arrivals.facts import Dropped, Queue, Seen, Traced, Watched
from pathprobe.output.arrival_words import REASONS, packet_comment
from pathprobe.output.arrivals import conclusion, next_steps, render, word
from pathprobe.output.arrivals_json import entry
from tests.core.arrivals.packets import (
    ASKER,
    INNER,
    PORT,
    SECOND,
    answer,
    comes,
    datagram,
    dropped,
    leaves,
    refusal,
    reset,
    step,
    syn,
    traced,
)

ARRIVES, DATAGRAM = comes(syn()), comes(datagram())
UNREADABLE = "the kernel's description of its types (BTF) is not readable"


def watched(
    *facts: Seen | Dropped | Traced,
    protocol: str = "tcp",
    drops_unread: str = "",
    rules_unread: str | None = None,
    untold: int = 0,
    lost: int = 0,
) -> Watched:
    book = Book(protocol, PORT)
    for fact in facts:
        match fact:
            case Seen():
                book.see(fact)
            case Dropped():
                book.drop(fact)
            case Traced():
                book.trace(fact)
    return Watched(
        protocol=protocol,
        port=PORT,
        started_ns=0,
        ended_ns=10 * SECOND,
        attempts=book.attempts(),
        drops_unread=drops_unread,
        rules_unread=rules_unread,
        untold=untold,
        lost=lost,
    )


def told(*facts: Seen | Dropped | Traced, protocol: str = "tcp", **more: str) -> list[str]:
    """The lines of the one attempt, without time and ends."""
    lines = render(watched(*facts, protocol=protocol, **more), zone=UTC).partition("\n\n")[0].splitlines()
    beginning = "00:00:00.000  10.9.1.9:40001 -> 10.0.0.5:8080 on eth0  "
    assert lines[0].startswith(beginning)
    return [lines[0].removeprefix(beginning), *(line.strip() for line in lines[1:])]


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ([leaves(answer(), 0.0021)], ["ANSWERED  SYN-ACK left after 2.1 ms"]),
        (
            [leaves(reset()), dropped(syn(), "NO_SOCKET")],
            ["RESET  RST left after 1.0 ms: nothing listens there"],
        ),
        (
            [leaves(reset())],
            ["RESET  RST left after 1.0 ms: nothing listens there, or a rule rejects it with a reset"],
        ),
        ([leaves(reset()), dropped(syn())], ["RESET  RST left after 1.0 ms: a rule rejects it with a reset"]),
        (
            [leaves(refusal(syn()))],
            ["REFUSED  ICMP communication administratively prohibited left after 1.0 ms: a rule rejects it"],
        ),
        (
            [leaves(refusal(syn(), by=INNER))],
            [
                "REFUSED  ICMP communication administratively prohibited left after 1.0 ms, from 172.17.0.2: a rule"
                " rejects it"
            ],
        ),
        (
            [dropped(syn()), dropped(syn())],
            ["DROPPED  NETFILTER_DROP in nft_do_chain (a firewall rule)"],
        ),
        ([dropped(syn(), "FAR_FUTURE", "")], ["DROPPED  FAR_FUTURE"]),
        ([dropped(syn(), "", "ip_rcv")], ["DROPPED  the kernel gives no reason in ip_rcv"]),
        (
            [dropped(answer(), function="nf_hook_slow")],
            [
                "ANSWER DROPPED  the reply (SYN-ACK or RST) was dropped on its way out: NETFILTER_DROP in nf_hook_slow"
                " (a firewall rule)",
            ],
        ),
        (
            [dropped(syn()), traced(syn(), step("input", "drop", 7, text="tcp dport 8080 drop"))],
            [
                "DROPPED  NETFILTER_DROP in nft_do_chain (a firewall rule)",
                "by inet filter input handle 7: tcp dport 8080 drop",
            ],
        ),
        (
            [
                traced(
                    syn(),
                    step("input", "jump", 3, "knocks"),
                    step("knocks", "goto", 4, "late"),
                    step("late", "drop", 9),
                )
            ],
            [
                "DROPPED  by a rule",
                "by inet filter late handle 9 (drop) (reached from knocks handle 4, from input handle 3)",
            ],
        ),
        ([traced(syn(), step("input", "drop"))], ["DROPPED  by a rule", "by inet filter input policy drop"]),
        (
            [leaves(answer()), traced(syn(), step("input", "accept", 5, text="ct state new accept"))],
            [
                "ANSWERED  SYN-ACK left after 1.0 ms",
                "last rule on its way: inet filter input handle 5: ct state new accept",
            ],
        ),
        (
            [leaves(syn(port=80, to=INNER), interface="docker0")],
            [
                "HANDED ON  no answer came back",
                "handed on to 172.17.0.2:80 by docker0",
                "the kernel of this machine did not drop it: look at where it was handed on to",
            ],
        ),
        (
            [
                leaves(syn(port=80, to=INNER), interface="docker0"),
                dropped(syn(port=80, to=INNER), "NO_SOCKET", "tcp_v4_rcv", elsewhere=True),
                leaves(reset()),
            ],
            [
                "RESET  RST left after 1.0 ms: nothing listens on 172.17.0.2:80",
                "handed on to 172.17.0.2:80 by docker0",
            ],
        ),
        (
            [comes(syn(), 1), comes(syn(), 3)],
            [
                "UNANSWERED  it reached this host and drew no answer",
                "3 tries in 3.0 s",
                "the kernel did not drop it: the queue of the listening program was full (ss -tln: Recv-Q against"
                " Send-Q), a rule gave it to another program, or this host has no route back: ip route get 10.9.1.9",
            ],
        ),
        (
            [leaves(answer()), comes(syn(), 1), leaves(answer(), 1.001)],
            [
                "ANSWERED  SYN-ACK left after 1.0 ms",
                "2 tries in 1.0 s, answered 2 times: the answers do not reach the asker",
            ],
        ),
        (
            [leaves(answer()), leaves(answer(), 1.001)],
            [
                "ANSWERED  SYN-ACK left after 1.0 ms",
                "answered 2 times: the asker does not acknowledge it, or its acknowledgement is lost",
            ],
        ),
        (
            [dropped(syn(), "IP_RPFILTER", "ip_rcv_finish_core"), comes(syn(), 1), leaves(answer(), 1.001)],
            [
                "ANSWERED  SYN-ACK left after 1.0 ms",
                f"dropped before: IP_RPFILTER in ip_rcv_finish_core ({REASONS['IP_RPFILTER']})",
                "2 tries in 1.0 s",
            ],
        ),
    ],
)
def test_what_is_said_of_one_syn(facts: list[Seen | Dropped | Traced], lines: list[str]) -> None:
    assert told(ARRIVES, *facts) == lines


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ([leaves(datagram(back=True))], ["ANSWERED  a datagram left after 1.0 ms"]),
        (
            [leaves(refusal(datagram(), 3)), dropped(datagram(), "NO_SOCKET")],
            ["REFUSED  ICMP port unreachable left after 1.0 ms: nothing listens there"],
        ),
        (
            [leaves(refusal(datagram(), 3))],
            ["REFUSED  ICMP port unreachable left after 1.0 ms: nothing listens there, or a rule rejects it"],
        ),
        (
            [comes(datagram(), 2)],
            [
                "UNANSWERED  it reached this host and drew no answer",
                "2 datagrams in 2.0 s",
                "no drop of it was seen: the program that listens got it and is silent, or it is a published port"
                " and the datagram was lost inside",
            ],
        ),
    ],
)
def test_what_is_said_of_one_datagram(facts: list[Seen | Dropped | Traced], lines: list[str]) -> None:
    assert told(DATAGRAM, *facts, protocol="udp") == lines


def test_where_drops_cannot_be_read_that_is_said_and_nothing_is_concluded() -> None:
    assert told(ARRIVES, drops_unread=UNREADABLE)[1] == f"whether the kernel dropped it is not readable: {UNREADABLE}"
    assert f"what the kernel dropped could not be read: {UNREADABLE}" in render(
        watched(leaves(answer()), drops_unread=UNREADABLE)
    )


def test_drops_of_which_some_are_missing_are_not_called_unreadable() -> None:
    found = replace(watched(ARRIVES), drops_missing=True)
    assert render(found).splitlines()[1:] == [
        "              whether the kernel dropped it is not known: some of the kernel's drops are missing here: there"
        " were too many",
        "",
        "1 attempt to tcp/8080 in 10.0 s: 1 left without an answer",
        "some of the kernel's drops are missing here: there were too many",
    ]
    assert entry(found)["drops_missing"]
    assert entry(found)["drops_unread"] is None


def test_steps_of_which_some_are_missing_are_not_called_untraced() -> None:
    found = replace(watched(ARRIVES, dropped(syn()), rules_unread=""), steps_missing=True)
    assert render(found).splitlines()[-1] == "some of the rules' steps are missing here: there were too many"
    assert (entry(found)["rules_traced"], entry(found)["steps_missing"]) == (True, True)


def test_a_table_that_stayed_is_told() -> None:
    assert render(replace(watched(), table_left="to remove it: nft delete table inet x")).endswith(
        "\nto remove it: nft delete table inet x"
    )


# ---- what the machine itself says of an attempt that was not answered

FULL, ROOM = Queue(address="0.0.0.0", waiting=9, room=8), Queue(address="::", waiting=8, room=8)
NO_ROUTE = "no answer can leave for 10.9.1.9: this host has no route to it (ip route get 10.9.1.9)"
FULL_LINE = (
    "the queue of the program that listens on 0.0.0.0:8080 is full: 9 waiting to be accepted, room for 8 (ss -tln)"
)
WAS_FULL = "the kernel did not drop it: the queue of the listening program was full (ss -tln: Recv-Q against Send-Q)"


@pytest.mark.parametrize(
    ("queues", "ways_back", "lines"),
    [
        ([FULL], {ASKER: ""}, [FULL_LINE]),
        ([replace(FULL, address="127.0.0.1")], {ASKER: ""}, [f"{WAS_FULL}, or a rule gave it to another program"]),
        ([ROOM], {ASKER: "this host has no route to it"}, [NO_ROUTE]),
        ([FULL], {ASKER: "this host has no route to it"}, [NO_ROUTE, FULL_LINE]),
        ([ROOM], {ASKER: ""}, [f"{WAS_FULL}, or a rule gave it to another program"]),
        (
            [],
            {},
            [
                f"{WAS_FULL}, a rule gave it to another program, or this host has no route back: ip route get 10.9.1.9",
            ],
        ),
    ],
)
def test_what_is_known_of_the_queue_and_the_way_back_is_named_before_what_may_be(
    queues: list[Queue], ways_back: dict[str, str], lines: list[str]
) -> None:
    found = replace(watched(ARRIVES), queues=tuple(queues), ways_back=ways_back)
    assert [line.strip() for line in render(found).partition("\n\n")[0].splitlines()[1:]] == lines
    assert list(next_steps(found)) == lines
    assert entry(found)["attempts"][0]["hints"] == lines


def test_what_is_known_stands_beside_that_drops_are_not_readable() -> None:
    found = replace(watched(ARRIVES, drops_unread=UNREADABLE), ways_back={ASKER: "this host has no route to it"})
    assert entry(found)["attempts"][0]["hints"] == [
        NO_ROUTE,
        f"whether the kernel dropped it is not readable: {UNREADABLE}",
    ]


# ---- many of one kind


def flood(count: int, **more: str) -> list[Seen | Dropped]:
    """Datagrams from so many ports, thrown away for want of a listener; the first was refused."""
    packets = [datagram(source_port=1000 + number, **more) for number in range(count)]
    arrivals = [comes(one, number / 1000) for number, one in enumerate(packets)]
    return [*arrivals, leaves(refusal(packets[0], 3)), *(dropped(one, "NO_SOCKET", "udp_rcv") for one in packets)]


def lines_of(facts: Iterable[Seen | Dropped | Traced], protocol: str = "udp") -> list[str]:
    return render(watched(*facts, protocol=protocol), zone=UTC).splitlines()


def test_a_flood_from_one_address_is_told_in_a_few_lines() -> None:
    assert lines_of(flood(995)) == [
        "00:00:00.000  10.9.1.9:1000 -> 10.0.0.5:8080 on eth0  REFUSED  ICMP port unreachable left after 1.0 ms:"
        " nothing listens there",
        "",
        "00:00:00.001  10.9.1.9, 994 ports -> 10.0.0.5:8080 on eth0  NOTHING LISTENS  NO_SOCKET in udp_rcv (nothing"
        " listens there), and no ICMP error left (their rate is limited, or a rule keeps them back)",
        "              first at 00:00:00.001, last at 00:00:00.994",
        "",
        "995 attempts to udp/8080 in 10.0 s: 1 refused by ICMP, 994 found nothing that listens",
    ]


@pytest.mark.parametrize(("count", "blocks"), [(5, 5), (6, 1)])
def test_a_few_of_a_kind_are_told_each(count: int, blocks: int) -> None:
    text = "\n".join(lines_of([comes(syn(number, source_port=number)) for number in range(count)], "tcp"))
    assert text.count("UNANSWERED") == blocks


def test_different_fates_from_one_address_are_told_apart() -> None:
    ports = range(1, 21)
    facts = [comes(syn(number, source_port=number), number) for number in ports]
    drops = [dropped(syn(number, source_port=number)) for number in ports if number % 2]
    answers = [
        leaves(answer(number, source_port=number), number + 0.002 * number) for number in ports if not number % 2
    ]
    heads = [line for line in lines_of([*facts, *drops, *answers], "tcp") if "->" in line]
    assert heads == [
        "00:00:01.000  10.9.1.9, 10 ports -> 10.0.0.5:8080 on eth0  DROPPED  NETFILTER_DROP in nft_do_chain (a firewall"
        " rule)",
        "00:00:02.000  10.9.1.9, 10 ports -> 10.0.0.5:8080 on eth0  ANSWERED  SYN-ACK left",
    ]
    assert "              first at 00:00:02.000, last at 00:00:20.000; after 4.00 to 40.00 ms" in lines_of(
        [*facts, *drops, *answers], "tcp"
    )


def test_a_port_that_is_used_again_is_counted_in_attempts_and_packets() -> None:
    facts = [comes(syn(number), number + more) for number in range(6) for more in (0, 0.5)]
    head, when, *_ = lines_of(facts, "tcp")
    assert "10.9.1.9, 6 attempts -> " in head
    assert when.endswith(", 12 packets in all")


@pytest.mark.parametrize(("addresses", "lines"), [(20, 20), (21, 1)])
def test_a_flood_with_forged_sources_is_told_in_a_few_lines_too(addresses: int, lines: int) -> None:
    told = lines_of([comes(syn(number, source=f"10.9.2.{number}")) for number in range(addresses)], "tcp")
    assert sum("->" in line for line in told) == lines
    if lines == 1:
        assert told[0].startswith("00:00:00.000  21 addresses, 21 ports -> 10.0.0.5:8080")
        assert told[2].endswith("ip route get SOURCE")


def test_programs_get_each_attempt_by_itself() -> None:
    assert len(entry(watched(*flood(50), protocol="udp"))["attempts"]) == 50


# ---- all of them


@pytest.mark.parametrize(
    ("facts", "heading", "steps"),
    [
        (
            [],
            "NOTHING ARRIVED",
            [
                "Ask from the client meanwhile: pathprobe tcp ADDRESS:8080 there says where on the way it is lost.",
            ],
        ),
        ([ARRIVES, leaves(answer())], "ANSWERED", []),
        ([ARRIVES, leaves(reset())], "NOT SERVED", ["pathprobe host 8080/tcp says who listens, and where."]),
        (
            [ARRIVES, dropped(syn())],
            "BLOCKED",
            ["pathprobe host 8080/tcp --watch-arrivals 10 --trace-rules names the rule."],
        ),
        ([ARRIVES, dropped(syn(), "IP_RPFILTER")], "BLOCKED", []),
        (
            [ARRIVES, leaves(syn(port=80, to=INNER), interface="docker0")],
            "UNKNOWN",
            ["the kernel of this machine did not drop it: look at where it was handed on to"],
        ),
    ],
)
def test_what_to_do_next(facts: list[Seen | Dropped], heading: str, steps: list[str]) -> None:
    found = watched(*facts)
    assert (word(found), list(next_steps(found))) == (heading, steps)


def test_that_nothing_arrived_is_an_answer() -> None:
    assert render(watched()) == (
        "no packet to tcp/8080 arrived in 10.0 s: either nobody sent one, or it was lost before this host"
    )


def test_one_sentence_counts_how_they_ended() -> None:
    facts = [comes(syn(number)) for number in range(4)]
    text = conclusion(watched(*facts, leaves(answer(0)), dropped(syn(1)), dropped(syn(2)), untold=5))
    assert text == (
        "4 attempts to tcp/8080 in 10.0 s: 1 answered, 2 dropped, 1 left without an answer;"
        " 5 more packets arrived and are not told one by one"
    )


@pytest.mark.parametrize(
    ("rules_unread", "last"),
    [
        (None, "which rule it was: pathprobe host 8080/tcp --watch-arrivals 10 --trace-rules"),
        ("", "no nftables rule was seen to do it: iptables-legacy and rules of other namespaces show no trace"),
        ("nft is not installed", "the rules were not traced: nft is not installed"),
    ],
)
def test_a_rule_that_is_not_named_is_asked_for_or_explained(rules_unread: str | None, last: str) -> None:
    assert render(watched(ARRIVES, dropped(syn()), rules_unread=rules_unread)).splitlines()[-1] == last


def test_a_flood_of_which_some_were_traced_is_not_blamed_on_another_firewall() -> None:
    rule = traced(syn(1), step("input", "drop", 7))
    facts = [comes(syn(1)), comes(syn(2)), dropped(syn(1)), dropped(syn(2)), rule]
    assert render(watched(*facts, rules_unread="")).splitlines()[-1].startswith("so many packets came")


def test_packets_that_came_too_fast_are_told() -> None:
    assert render(watched(lost=3)).endswith("\n3 packets came too fast to be looked at")


def test_the_entry_for_programs_holds_every_fact() -> None:
    rule = step("input", "drop", 7, text="tcp dport 8080 drop")
    found = json.loads(json.dumps(entry(watched(ARRIVES, dropped(syn()), traced(syn(), rule), rules_unread=""))))
    (one,) = found["attempts"]
    assert (found["rules_traced"], found["rules_unread"], found["drops_unread"]) == (True, None, None)
    assert (one["time"], one["fate"], one["source_port"]) == ("1970-01-01T00:00:00.000000Z", "dropped", 40001)
    assert (one["drops"][0]["reason"], one["drops"][0]["function"]) == ("NETFILTER_DROP", "nft_do_chain")
    assert (one["rule"]["handle"], one["rule"]["text"]) == (7, "tcp dport 8080 drop")
    assert one["by_rule"]
    assert one["icmp"] is None


@pytest.mark.parametrize(
    ("packet", "comment"),
    [
        (ARRIVES, "attempt 3: SYN arrives"),
        (leaves(syn()), "attempt 3: SYN, handed on"),
        (leaves(answer()), "attempt 3: SYN-ACK"),
        (leaves(reset()), "attempt 3: RST"),
        (leaves(refusal(syn())), "attempt 3: ICMP error about it"),
        (DATAGRAM, "attempt 3: datagram in"),
        (leaves(datagram(back=True)), "attempt 3: datagram out"),
    ],
)
def test_each_packet_in_the_capture_says_what_it_is(packet: Seen, comment: str) -> None:
    assert packet_comment(packet, 3) == comment
