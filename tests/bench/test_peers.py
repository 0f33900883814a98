"""What nmap 7.93 and traceroute 2.1.2 print, as they printed it in the lab, becomes one cell each."""

from __future__ import annotations

import pytest

from pathprobe.lab import catalogue
from tests.bench.peers import (
    NO_PLACE,
    WRONG,
    nmap_command,
    parse_nmap,
    parse_traceroute,
    remark_nmap,
    remark_traceroute,
    traceroute_command,
)

TARGET = "10.0.0.5"

HEAD = f"Starting Nmap 7.93 ( https://nmap.org )\nNmap scan report for {TARGET}\nHost is up, received user-set.\n\n"
COLUMNS = "PORT     STATE    SERVICE    REASON\n"
FOOT = "\nNmap done: 1 IP address (1 host up) scanned in 2.10 seconds\n"

OPEN = HEAD + COLUMNS + "8080/tcp open  http-proxy syn-ack ttl 61\n" + FOOT
SILENT = HEAD + COLUMNS + "8080/tcp filtered http-proxy no-response\n" + FOOT
FORGED = HEAD + COLUMNS + "8080/tcp closed http-proxy reset ttl 63\n" + FOOT
REFUSED = HEAD + COLUMNS + "8080/tcp filtered http-proxy admin-prohibited from 10.9.2.2 ttl 63\n" + FOOT
UDP_SILENT = HEAD + COLUMNS + "5353/udp open|filtered zeroconf no-response\n" + FOOT
NOT_SENT = (
    "sendto in send_ip_packet_sd: sendto(3, packet, 44, 0, 10.0.0.5, 16) => Operation not permitted\n"
    "Offending packet: TCP 10.9.1.9:50293 > 10.0.0.5:8080 S ttl=42 id=50599 iplen=44  seq=725968268 win=1024\n" + SILENT
)
NO_ROUTE = (
    f"setup_target: failed to determine route to {TARGET}\nWARNING: No targets were specified, so 0 hosts scanned.\n"
)
PINGED = (
    f"Nmap scan report for {TARGET}\nHost is up, received echo-reply ttl 61 (0.000063s latency).\n"
    "Nmap done: 1 IP address (1 host up) scanned in 0.04 seconds\n"
)
DOWN = "Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn\nNmap done: 1 IP address\n"


@pytest.mark.parametrize(
    ("text", "words", "state", "named", "local"),
    [
        (OPEN, "open/syn-ack ttl 61", "open", None, False),
        (SILENT, "filtered/no-response", "filtered", None, False),
        (FORGED, "closed/reset ttl 63", "closed", None, False),
        (REFUSED, "filtered/admin-prohibited from 10.9.2.2 ttl 63", "filtered", "10.9.2.2", False),
        (UDP_SILENT, "open|filtered/no-response", "open|filtered", None, False),
        (NOT_SENT, "filtered/Operation not permitted", "filtered", None, True),
        (NO_ROUTE, "no route", None, None, True),
        (PINGED, "up/echo-reply ttl 61", "open", None, False),
        (DOWN, "host seems down", "down", None, False),
        ("", "no verdict", None, None, False),
    ],
)
def test_nmap_s_verdict_is_read(text: str, words: str, state: str | None, named: str | None, local: bool) -> None:
    said = parse_nmap(text)
    assert (said.words, said.state, said.named, said.local) == (words, state, named, local)


FIRST_TWO = (
    "traceroute to 10.0.0.5 (10.0.0.5), 8 hops max, 60 byte packets\n 1  10.9.1.1  0.042 ms\n 2  10.9.2.2  0.021 ms\n"
)
STARS = "".join(f"{ttl:2}  *\n" for ttl in range(3, 9))
NO_BUFFER = " 1  *\nsend probe: No buffer space available\n"
LOOP = "".join(f"{ttl:2}  10.9.{1 if ttl % 2 else 2}.{1 if ttl % 2 else 2}  0.009 ms\n" for ttl in range(3, 9))


@pytest.mark.parametrize(
    ("text", "words", "last", "end", "local"),
    [
        (f"{FIRST_TWO} 3  10.9.3.2  0.019 ms\n 4  10.0.0.5  0.026 ms\n", "target at hop 4", 4, TARGET, False),
        (f"{FIRST_TWO} 3  10.0.0.5  0.010 ms\n", "target at hop 3", 3, TARGET, False),
        (f"{FIRST_TWO}{STARS}", "last answer hop 2, then *", 2, None, False),
        (f"{FIRST_TWO} 3  10.9.2.2  0.009 ms !X\n", "!X from 10.9.2.2 at hop 3", 3, "10.9.2.2", False),
        (f"{FIRST_TWO} 3  10.9.2.2  0.009 ms\n", "ends at 10.9.2.2, hop 3", 3, "10.9.2.2", False),
        (f"{FIRST_TWO}{LOOP}", "hop after hop, up to 8", 8, None, False),
        ("traceroute to 10.0.0.5 (10.0.0.5), 8 hops max\n 1  *\n 2  *\n", "silent from hop 1 on", 0, None, False),
        ("traceroute to 10.0.0.5\nsend: Operation not permitted\n", "send: Operation not permitted", 0, None, True),
        (
            "traceroute to 10.0.0.5\n 1  *\nsend probe: No buffer space available\n",
            "send probe: No buffer space available",
            0,
            None,
            True,
        ),
        ("\nconnect: Network is unreachable\n", "connect: Network is unreachable", 0, None, True),
    ],
)
def test_the_end_of_traceroute_s_list_is_read(text: str, words: str, last: int, end: str | None, local: bool) -> None:
    said = parse_traceroute(text, TARGET)
    assert (said.last, said.end, said.local) == (last, end, local)
    assert said.words == words


def test_traceroute_s_addresses_may_be_of_version_6() -> None:
    said = parse_traceroute(" 1  fd00:9:1::1  0.043 ms\n 2  fd00::5  0.035 ms\n", "fd00::5")
    assert (said.words, said.end) == ("target at hop 2", "fd00::5")


@pytest.mark.parametrize(
    ("name", "text", "remark"),
    [
        ("open", OPEN, ""),
        ("open", SILENT, WRONG),
        ("closed", FORGED, ""),
        ("reset-r2-forward", FORGED, WRONG),
        ("drop-r2-forward", SILENT, NO_PLACE),
        ("reject-r2-admin-prohibited", REFUSED, ""),
        ("reject-r1-admin-prohibited", REFUSED, WRONG),
        ("udp-silent-service", UDP_SILENT, NO_PLACE),
        ("udp-open", UDP_SILENT, WRONG),
        ("local-output-drop", NOT_SENT, ""),
        ("echo-drop-r2", DOWN, NO_PLACE),
        ("echo-open", DOWN, WRONG),
    ],
)
def test_nmap_is_marked_where_it_is_wrong_or_names_no_place(name: str, text: str, remark: str) -> None:
    assert remark_nmap(catalogue.load(name), parse_nmap(text)) == remark


@pytest.mark.parametrize(
    ("name", "text", "remark"),
    [
        ("open", f"{FIRST_TWO} 3  10.9.3.2  0.019 ms\n 4  10.0.0.5  0.026 ms\n", ""),
        ("open", f"{FIRST_TWO}{STARS}", WRONG),
        ("reset-r2-forward", f"{FIRST_TWO} 3  10.0.0.5  0.010 ms\n", WRONG),
        ("drop-r2-forward", f"{FIRST_TWO}{STARS}", ""),
        ("drop-r3-forward", f"{FIRST_TWO}{STARS}", WRONG),
        ("reject-r2-admin-prohibited", f"{FIRST_TWO} 3  10.9.2.2  0.009 ms !X\n", ""),
        ("reject-r3-admin-prohibited", f"{FIRST_TWO} 3  10.9.2.2  0.009 ms !X\n", WRONG),
        ("loop-r2", f"{FIRST_TWO}{LOOP}", ""),
        ("local-output-drop", "send: Operation not permitted\n", ""),
        ("local-output-drop", f"{FIRST_TWO}{STARS}", WRONG),
    ],
)
def test_traceroute_is_marked_where_its_list_ends_elsewhere(name: str, text: str, remark: str) -> None:
    assert remark_traceroute(catalogue.load(name), parse_traceroute(text, TARGET)) == remark


def test_the_peers_are_asked_the_scenario_s_question() -> None:
    assert nmap_command(catalogue.load("udp-open-v6"))[:6] == ("nmap", "-6", "-n", "-Pn", "-sU", "-p")
    assert nmap_command(catalogue.load("echo-open"))[1:4] == ("-n", "-sn", "-PE")
    assert traceroute_command(catalogue.load("open"))[1:6] == ("-4", "-n", "-T", "-p", "8080")
    assert traceroute_command(catalogue.load("echo-open-v6"))[1:4] == ("-6", "-n", "-I")
