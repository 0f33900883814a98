"""Lines of audit logs, taken apart."""

from __future__ import annotations

import pytest

from pathprobe.layers.mandatory_access import record


def test_the_first_field_of_a_name_counts() -> None:
    fields = record.fields_of('avc: for  pid=12 comm="a b=c" src=80 comm="other"')
    assert fields == {"pid": "12", "comm": '"a b=c"', "src": "80"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('comm="nginx"', "nginx"),
        ("comm=6D79206461656D6F6E", "my daemon"),
        ("comm=nginx", "nginx"),
        ("comm=1B5B33316D78", "?[31mx"),
        ('comm="never closed', "never closed"),
        ("comm=", ""),
        ("other=1", ""),
    ],
)
def test_a_name_from_outside_the_kernel_is_decoded_and_printable(written: str, meant: str) -> None:
    assert record.word(record.fields_of(written), "comm") == meant


@pytest.mark.parametrize(
    ("line", "time", "event"),
    [
        ("type=AVC msg=audit(1794999700.844:361): avc:", 1794999700.844, "1794999700.844:361"),
        ("[  700.8] audit: type=1400 audit(1794999700.844:61): avc:", 1794999700.844, "1794999700.844:61"),
        ("1794999700.844123 web1 audit[2531]: AVC avc:", 1794999700.844123, ""),
        ("Nov 20 10:00:00 web1 audit[2531]: AVC avc:", None, ""),
        ("type=AVC msg=audit(11/20/2026 10:00:00.844:361): avc:", None, "11/20/2026 10:00:00.844:361"),
        ("type=AVC msg=audit(", None, ""),
        ("nan inf", None, ""),
        ("9" * 400 + " far", None, ""),
    ],
)
def test_the_time_is_the_kernels_or_else_the_journals(line: str, time: float | None, event: str) -> None:
    assert record.stamp_of(line) == (time, event)


@pytest.mark.parametrize("text", ["", "-1", "9" * 30, "x", "٣"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert record.number({"src": text}, "src") is None


def test_what_auditd_adds_in_words_is_not_the_kernels_record() -> None:
    assert record.record_of('comm="x" uid=0\x1dUID="root"') == 'comm="x" uid=0'
