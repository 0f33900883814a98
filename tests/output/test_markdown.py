"""Is the Markdown ready to be pasted, whatever the network put into it?"""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256

import pytest

from pathprobe.core.report import Target
from pathprobe.engine.diagnose import Options
from pathprobe.output import markdown, wording
from tests.output.reports import report, result, result_with
from tests.output.tickets import proof, recorded


def rendered(name: str) -> str:
    return markdown.render(recorded(name)[0], (proof(b"capture"),))


def test_the_sentence_comes_first_then_the_path_the_hops_the_reasons_and_what_next() -> None:
    text = rendered("drop-r2-forward")
    assert text.startswith(
        "## 10.0.0.5:8080/tcp is filtered: dropped silently between hop 2 (10.9.2.2) and hop 3 (10.9.3.2).\n"
    )
    order = [
        "Sure: ",
        "you -- 10.9.1.1 -- 10.9.2.2 --X-- 10.9.3.2",
        "| hop | address |",
        "### Why",
        "### Next",
        "## How to verify",
    ]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert re.search(r"^\| 3 \| 10\.9\.3\.2 \| silent \| 0/5 \|.*\| stops here \|$", text, re.MULTILINE)


def test_reasons_name_the_packets_and_say_how_many_more_there_are() -> None:
    text = rendered("drop-r2-forward")
    assert re.search(r"^- 9 of 9 SYNs to tcp/8080 died .* \(packets \d+(, \d+)*\)$", text, re.MULTILINE)
    assert re.search(r"\(packets (\d+, ){11}\d+ and \d+ more\)$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("drop-r2-forward", "ip.addr == 10.0.0.5 && tcp.port == 8080"),
        ("drop-r2-forward-v6", "ipv6.addr == fd00::5 && tcp.port == 8080"),
        ("udp-drop-r2", "ip.addr == 10.0.0.5 && udp.port == 5353"),
        ("echo-drop-r2", "ip.addr == 10.0.0.5 && icmp"),
    ],
)
def test_it_says_how_to_check_it(name: str, expected: str) -> None:
    text = rendered(name)
    assert "```\nsha256sum -c SHA256SUMS\npathprobe analyze evidence.pcapng\n```" in text
    assert f"SHA-256 of `evidence.pcapng`: `{sha256(b'capture').hexdigest()}`" in text
    assert f"`{expected}`" in text
    assert re.search(r"`frame\.number in \{\d+(\.\.\d+)?(, \d+(\.\.\d+)?)*\}`", text)


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for name in ("drop-r2-forward", "reset-r2-forward", "flows-r2-drop-r2b", "open", "silent-r3-drop-r2"):
        tables = re.findall(r"(?:^\|.*\|\n)+", rendered(name), re.MULTILINE)
        assert tables
        for table in tables:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_what_means_something_in_markdown_means_nothing_any_more() -> None:
    hostile = "<script>alert(1)</script> | [link](http://x) *b* `c`\n# title"
    escaped = markdown.escaped(hostile)
    assert escaped == r"&lt;script&gt;alert(1)&lt;/script&gt; \| \[link\](http://x) \*b\* \`c\` # title"
    target = Target(given=hostile, address="10.0.0.5", port=8080, protocol="tcp")
    said = replace(result("drop-r2-forward"), control=hostile, target=target)
    text = markdown.render(report(said), (proof(),))
    assert "<script>" not in text
    assert escaped in text


def test_several_targets_flows_sizes_and_an_interruption_are_told() -> None:
    said = [result("flows-r2-drop-r2b"), result_with("pmtu-r2-r3-1400-told", Options(mtu=True))]
    text = markdown.render(report(*said, complete=False), (proof(),))
    assert text.startswith("*Interrupted: this is what was learnt so far.*\n")
    assert all(f"## {markdown.escaped(wording.summary(one))}" in text for one in said)
    assert "| flows | path | state |" in text
    assert "### Packet sizes" in text


def test_an_open_or_filtered_port_does_not_end_a_cell() -> None:
    assert r"is open\|filtered" in rendered("udp-drop-target")
