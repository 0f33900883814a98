"""A file of targets: lines, tables and objects, each pair once, names resolved side by side."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pathprobe.engine.target_list import TargetList, TooMany, read_targets


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A resolver that knows web1 alone, and which names it was asked for."""
    asked: list[str] = []

    def look_up(host: str, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        if host != "web1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def given_names(targets: TargetList) -> list[str]:
    return [one.given for one in targets.asked]


def test_lines_of_every_form_are_read_and_told_apart() -> None:
    text = '\ufeff# list\r\n10.0.0.5:80:web\r\n\r\n{"ip": "10.0.0.6", "port": 53, "protocol": "udp"}\r\nweb1:22\n'
    targets = read_targets(text)
    assert [one.key for one in targets.asked] == ["tcp 10.0.0.5 80", "udp 10.0.0.6 53", "tcp 10.0.0.7 22"]
    assert targets.asked[0].service == "web"
    assert targets.troubles == ()


def test_a_pair_that_is_named_twice_is_asked_once() -> None:
    targets = read_targets("web1:80\n10.0.0.7:80\n10.0.0.0/29:80\n10.0.0.7:80/udp\n10.0.0.1:80\n")
    assert len(targets.asked) == 8
    assert targets.duplicates == 2
    assert targets.asked[0].given == "web1:80"


def test_plain_lines_stay_in_their_place_among_others() -> None:
    targets = read_targets("web1:1\n10.0.0.5:2\n10.0.0.6:3 # x\n10.0.0.5:2:again\n10.0.0.5:4\n")
    assert given_names(targets) == ["web1:1", "10.0.0.5:2", "10.0.0.6:3", "10.0.0.5:4"]
    assert (targets.duplicates, targets.asked[1].service) == (1, None)


def test_a_plain_line_has_no_address_where_only_ipv6_is_wanted() -> None:
    (one,) = read_targets("10.0.0.5:80\n", family=6).asked
    assert one.address is None
    assert one.trouble


def test_a_bad_line_has_its_number_and_the_rest_goes_on() -> None:
    targets = read_targets('10.0.0.5:80\n10.0.0.5:x\n{"ip": 1\n10.0.0.6:80\n')
    assert [trouble.number for trouble in targets.troubles] == [2, 3]
    assert given_names(targets) == ["10.0.0.5:80", "10.0.0.6:80"]


def test_a_name_without_an_address_is_a_target_with_its_trouble(resolver: list[str]) -> None:
    targets = read_targets("nowhere:80\nnowhere:81\nweb1:80\n")
    assert [one.address for one in targets.asked] == [None, None, "10.0.0.7"]
    assert "cannot resolve nowhere" in str(targets.asked[0].trouble)
    assert sorted(resolver) == ["nowhere", "web1"]


def test_a_list_that_means_too_many_is_refused_before_it_is_made() -> None:
    with pytest.raises(TooMany, match="--limit"):
        read_targets("10.0.0.0/8:1-65535\n")


@pytest.mark.parametrize(
    "text",
    ["Port,Service,IP\n80,web,10.0.0.5\n", "10.0.0.5,80,,web\n", '# all of it\n"10.0.0.5","80","tcp","web"\n'],
)
def test_a_table_has_a_header_or_the_usual_columns(text: str) -> None:
    (one,) = read_targets(text, table=True).asked
    assert (one.address, one.port, one.service) == ("10.0.0.5", 80, "web")


def test_a_bad_row_has_its_number() -> None:
    targets = read_targets("ip,port\n10.0.0.5,80\n10.0.0.5,\n\n,80\n", table=True)
    assert [trouble.number for trouble in targets.troubles] == [3, 5]
