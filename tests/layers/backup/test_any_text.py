"""Whatever a tool prints, reading it never raises; and all that is read of a listing is in it."""

from __future__ import annotations

import time
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from pathprobe.layers.backup import ipset_save, iptables_save, manifest, nft_listing, ownership
from pathprobe.layers.backup.manifest import Damaged

#: Of what the tools' languages are made.
PIECES = [
    *(
        "table ip t {",
        "}",
        "\t",
        "\n",
        " ",
        "chain ",
        "flags ",
        "dynamic",
        "elements = {",
        ",",
        '"',
        "expires ",
        "packets 1 ",
    ),
    *(
        "bytes 2",
        "used ",
        "last ",
        "3 mbytes",
        "*filter",
        ":",
        "COMMIT",
        "[0:0] ",
        "-A ",
        "create ",
        "add ",
        "s ",
        "hash:ip",
    ),
    *("timeout ", "family ", "\x0c", "\u2028", "#", "counter ", "\r"),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join)


@given(TEXTS)
def test_any_text_is_read(text: str) -> None:
    nft_listing.comparable(text)
    for table in nft_listing.tables(text):
        assert table.text.rstrip("\n") in text
        assert table.flags | table.chains is not None
    iptables_save.comparable(text)
    for saved in iptables_save.tables(text):
        iptables_save.written([iptables_save.emptied(saved), iptables_save.trimmed(saved, {"s"})])
    iptables_save.incompatible(text)
    ipset_save.comparable(text)
    ipset_save.making("", text)
    assert ipset_save.extra(text, text) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["files", "path", "size", "tree"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["time", "hostname", "kernel", "tools", "sources", "absent", "files"]), JSON))
def test_any_manifest_is_read_or_refused(facts: dict[str, object]) -> None:
    import json

    with suppress(Damaged):
        manifest.read(json.dumps(facts | {"schema": manifest.SCHEMA}).encode())


@given(st.lists(st.dictionaries(st.sampled_from(["table", "chain", "rule", "set"]), JSON, max_size=1)))
def test_any_listing_in_json_is_read_or_refused(objects: list[object]) -> None:
    import json

    with suppress(ownership.NotAListing):
        ownership.owners(json.dumps({"nftables": objects}))


def test_a_line_ends_only_where_the_tool_ended_it() -> None:
    text = 'table ip t {\n\tcomment "a\x0cb\u2028c"\n}\n'
    assert nft_listing.tables(text)[0].text == text
    saved = '*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -m comment --comment "a\x0cb\x85c" -j ACCEPT\nCOMMIT\n'
    assert iptables_save.written(iptables_save.tables(saved)) == saved


def test_ten_thousand_rules_and_a_hundred_thousand_elements_take_seconds_and_not_minutes() -> None:
    rules = "".join(f"\t\tip saddr 10.0.{n // 250}.{n % 250} counter packets {n} bytes 7 drop\n" for n in range(10_000))
    elements = ",\n\t\t\t     ".join(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(100_000))
    text = f"table ip t {{\n\tset s {{\n\t\telements = {{ {elements} }}\n\t}}\n\tchain c {{\n{rules}\t}}\n}}\n"
    started = time.process_time()
    assert len(nft_listing.comparable(text)) == 110_000 + 6
    assert time.process_time() - started < 5
