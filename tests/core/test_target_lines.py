"""One line of a list of targets, or what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.core.target_lines import BadLine, Line, columns_of, object_line, plain_target, read_line, row_line


def told(text: str) -> str:
    """Host or network, ports, protocol and service, in one line."""
    line = read_line(text)
    assert line is not None
    return words(line)


def words(line: Line) -> str:
    ports = ",".join(f"{one.start}-{one.stop - 1}" if len(one) > 1 else str(one.start) for one in line.ports)
    return " ".join(str(part) for part in (line.host or line.network, ports, line.kind, line.service) if part)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.5:8080", "10.0.0.5 8080 tcp"),
        ("10.0.0.5:8080:web", "10.0.0.5 8080 tcp web"),
        ("\ufeff 10.0.0.5:8080:the web\r\n", "10.0.0.5 8080 tcp the web"),
        ("10.0.0.5:8080 # until May", "10.0.0.5 8080 tcp"),
        ("10.0.0.5:80:c#", "10.0.0.5 80 tcp c#"),
        ("db-1.example:5432", "db-1.example 5432 tcp"),
        ("10.0.0.5:53/udp", "10.0.0.5 53 udp"),
        ("10.0.0.5:53/UDP:dns", "10.0.0.5 53 udp dns"),
        ("10.0.0.5:53:dns/udp", "10.0.0.5 53 udp dns"),
        ("10.0.0.5:53:dns/tcp", "10.0.0.5 53 tcp dns"),
        ("10.0.0.5:80:a/b", "10.0.0.5 80 tcp a/b"),
        ("[fd00::0:5]:22:ssh", "fd00::5 22 tcp ssh"),
        ("10.0.0.0/24:22,80,8000-8010", "10.0.0.0/24 22,80,8000-8010 tcp"),
        ("10.0.0.77/24:80", "10.0.0.0/24 80 tcp"),
        ("10.0.0.0/24:53/udp:dns", "10.0.0.0/24 53 udp dns"),
        ("[fd00::]/120:22", "fd00::/120 22 tcp"),
        ("[fd00::/120]:22", "fd00::/120 22 tcp"),
        ("10.0.0.5:80, 443", "10.0.0.5 80,443 tcp"),
        ("10.0.0.5:20-30,25-40,41", "10.0.0.5 20-41 tcp"),
    ],
)
def test_a_line_says_host_ports_protocol_and_service(text: str, expected: str) -> None:
    assert told(text) == expected


@pytest.mark.parametrize("text", ["", "  \t\r\n", "# all", "   # of it", "\ufeff"])
def test_blank_lines_and_comments_ask_for_nothing(text: str) -> None:
    assert read_line(text) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10.0.0.5", "no port"),
        ("10.0.0.5:", "no port"),
        ("10.0.0.5:http", "'http' is no port"),
        ("10.0.0.5:0", "1 to 65535"),
        ("10.0.0.5:70000", "1 to 65535"),
        ("10.0.0.5:90-80", "low before high"),
        ("10.0.0.300:80", "no IPv4 address"),
        ("10.0.0.0/33:80", "no network"),
        ("web/24:80", "no network"),
        ("fd00::5:22", "brackets"),
        ("fd00::5", "[fd00::5]:PORT"),
        ("[fd00::zz]:22", "no IPv6 address"),
        ("[fe80::1%eth0]:22", "link-local"),
        ("10.0.0.5:80/sctp", "no protocol"),
        ("http://web:80", "no port"),
        (":80", "no host name"),
        ("a b:80", "no host name"),
    ],
)
def test_a_bad_line_says_what_is_wrong_with_it(text: str, hint: str) -> None:
    with pytest.raises(BadLine) as trouble:
        read_line(text)
    assert hint in str(trouble.value)
    assert "\n" not in str(trouble.value)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        line = read_line(text)
    except BadLine:
        return
    assert line is None or line.size > 0


@given(st.text(alphabet="0123456789abcf.:/[]-,#% \tudptc"))
def test_nothing_that_is_nearly_a_target_breaks_the_reader(text: str) -> None:
    test_no_text_breaks_the_reader.hypothesis.inner_test(text)  # type: ignore[attr-defined]


def test_a_network_means_its_hosts() -> None:
    line = read_line("10.0.0.0/29:80,443")
    assert line is not None
    assert list(line.addresses()) == [f"10.0.0.{last}" for last in range(1, 7)]
    assert line.size == 12


@pytest.mark.parametrize(
    "text", ["10.0.0.0/30:1", "10.0.0.0/31:1", "10.0.0.0/32:1", "[fd00::]/126:1", "[fd00::]/127:1"]
)
def test_the_size_is_as_many_as_there_are(text: str) -> None:
    line = read_line(text)
    assert line is not None
    assert line.size == len(list(line.addresses()))


def test_a_size_is_known_without_counting_them() -> None:
    line = read_line("[fd00::]/8:1-65535")
    assert line is not None
    assert line.size > 1 << 100


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (("Port", "IP"), ("80", "10.0.0.5"), "10.0.0.5 80 tcp"),
        (("Service", "PROTO", "host", "ports"), ("dns", "UDP", "10.0.0.5", "53"), "10.0.0.5 53 udp dns"),
        (("address", "note", "port"), ("fd00::5", "x", "22"), "fd00::5 22 tcp"),
        (("address", "port"), ("fd00::/120", "22"), "fd00::/120 22 tcp"),
    ],
)
def test_a_header_says_which_column_is_which(header: tuple[str, ...], row: tuple[str, ...], expected: str) -> None:
    columns = columns_of(header)
    assert columns is not None
    line = row_line(row, columns)
    assert line is not None
    assert words(line) == expected


def test_a_row_of_values_is_no_header() -> None:
    assert columns_of(("10.0.0.5", "80")) is None


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ([], "no JSON object"),
        ({}, "no host"),
        ({"ip": "10.0.0.5"}, "no port"),
        ({"ip": {}, "port": 1}, "an object in it"),
    ],
)
def test_an_object_that_is_no_target_is_told(fields: object, hint: str) -> None:
    with pytest.raises(BadLine, match=hint):
        object_line(fields, "")


def test_an_object_has_numbers_lists_and_keys_in_any_case() -> None:
    line = object_line({"Host": "10.0.0.5", "PORT": [22, "80-81"], "protocol": "udp", "service": None}, "")
    assert (line.host, line.ports, line.kind) == ("10.0.0.5", (range(22, 23), range(80, 82)), "udp")


def agrees(text: str) -> bool:
    """Whether a plain line says what it says when it is read with care; a line that is not plain says nothing."""
    plain = plain_target(text)
    if plain is None:
        return True
    line = read_line(text)
    assert line is not None
    told = (line.text, line.host, [*line.numbers()], line.kind, line.service)
    return told == (plain.given, plain.address, [plain.port], plain.kind, plain.service)


@pytest.mark.parametrize(
    "text", ["0.0.0.0:1", "10.0.0.5:65535", "255.255.255.255:80", "10.0.0.5:80:web", "10.0.0.5:80:my-db_1.x \t\r"]
)
def test_the_short_way_through_says_what_the_long_way_says(text: str) -> None:
    assert plain_target(text) is not None
    assert agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.5:080",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "256.0.0.1:80",
        "10.0.0.5:80:a/udp",
        "10.0.0.5:80 # x",
        " 10.0.0.5:1",
    ],
)
def test_what_is_not_plain_is_read_with_care(text: str) -> None:
    assert plain_target(text) is None


@given(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]{1,6}(:[a-c#/ .]{0,4})?\s?", fullmatch=True))
def test_no_line_means_another_thing_on_the_short_way(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize("text", ["256.0.0.1:80", "01.2.3.4:80", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3:80"])
def test_what_only_looks_like_an_address_and_a_port_is_told(text: str) -> None:
    with pytest.raises(BadLine):
        read_line(text)
