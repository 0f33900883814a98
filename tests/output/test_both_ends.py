"""Do the words and the document say what both ends show?"""

from __future__ import annotations

from typing import Any

from pathprobe.core.report import Result
from pathprobe.output import json, table
from pathprobe.output.wording import summary
from tests.core.ends.two_ends import SECOND, Network, answer_to, source_nat, syn
from tests.output.reports import report


def asked(*, lost: bool = False, answered: bool = False, **of_network: Any) -> Result:
    network = Network(**of_network)
    network.pings(1)
    for number in range(3):
        arrived = network.there(syn(identification=1 + number), lost=lost)
        if answered:
            network.home(answer_to(arrived), lost=True)
        network.wait(1)
    network.pings(2)
    return network.result()


def test_the_sentence_says_which_way_it_was_lost() -> None:
    assert summary(asked(lost=True)).startswith(
        "10.0.0.5:8080/tcp is filtered: 3 of 3 SYNs never arrived at the server: lost on the way there"
    )
    assert "3 of 3 SYNs arrived at the server, and it answered nothing" in summary(asked())
    assert "the server answered (3 packets sent), and the answer was lost on the way back" in summary(
        asked(answered=True)
    )


def test_a_silent_server_is_to_be_asked_for_its_firewall_and_its_queue() -> None:
    text = table.render(report(asked()))
    assert all(command in text for command in ("nft list ruleset", "ss -ltn", "ListenOverflows"))


def test_the_clocks_the_delays_and_the_hops_are_told() -> None:
    text = table.render(report(asked(offset=-7 * SECOND)))
    assert "ends  4 hops there and 4 hops back" in text
    assert "the server's clock is 7.000000 s behind the client's, +- 10.000 ms" in text
    assert "one way: there 10.000 ms (10.000 to 10.000, 5 packets)" in text


def test_a_nat_is_told_with_both_names_of_the_flow() -> None:
    network = Network(box=source_nat(port=1025))
    network.handshake()
    text = table.render(report(network.result()))
    assert "the server sees 10.9.1.9:40001 > 10.0.0.5:8080 as 192.0.2.7:1025 > 10.0.0.5:8080" in text


def test_both_captures_are_named_at_the_foot() -> None:
    text = table.render(report(asked(), capture_path="here.pcap", server_capture_path="there.pcap"))
    assert "by here.pcap (client) and there.pcap (server)" in text


def test_the_document_has_the_counts_the_clock_and_the_frames_of_both_ends() -> None:
    document = json.document(report(asked(offset=2 * SECOND, answered=True)))["results"][0]
    ends = document["both_ends"]
    assert (ends["fate"], ends["tries"]) == ("answer-lost", {"answer-lost": 1})
    assert (ends["sent"], ends["arrived"], ends["answers"], ends["heard"]) == (3, 3, 3, 0)
    assert ends["clock"] | {"spans": None} == {"offset_s": 2.0, "error_s": 0.01, "packets": 7, "spans": None}
    assert ends["delay_ms"]["forward"] == {"packets": 5, "min": 10.0, "median": 10.0, "max": 10.0}
    assert ends["hops"] == {"forward": 4, "return": 4}
    assert [probe["server_frames"] for probe in document["probes"]] == [[3], [5], [7]]
    assert document["location"]["direction"] == "return"


def test_a_report_from_one_end_says_nothing_of_two() -> None:
    from tests.output.reports import result

    document = json.document(report(result("open")))
    assert (document["server_capture"], document["results"][0]["both_ends"]) == (None, None)
    assert all("server_frames" not in probe for probe in document["results"][0]["probes"])
