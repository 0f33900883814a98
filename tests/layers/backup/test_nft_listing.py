"""A listing of nft is cut into its tables, and compared without what changes by itself."""

from __future__ import annotations

import pytest

from pathprobe.layers.backup.nft_listing import comparable, replacing, tables, without

LISTING = """\
# Warning: table ip filter is managed by iptables-nft, do not touch!
table inet mine {
	comment "a } and a {"
	counter c1 {
		packets 5 bytes 6
	}

	set hosts {
		type ipv4_addr
		flags timeout
		elements = { 10.0.0.1 timeout 1h expires 59m59s992ms, 10.0.0.2,
				10.0.0.7 comment "x, } y", 10.9.9.9 counter packets 3 bytes 4 }
	}

	chain in {
		type filter hook input priority filter; policy accept;
		counter packets 70 bytes 90 tcp dport 99 drop comment "packets 3 bytes 4
}
"
		tcp dport 1234 quota 10 mbytes used 3 bytes drop
		limit rate 5/second burst 7 packets accept
		last used 3s
	}
}
table inet firewalld { # progname firewalld
	flags owner,persist

	chain x {
	}
}
table ip6 off {
	flags dormant
}
"""


def test_tables_are_found_whatever_stands_in_quotes() -> None:
    assert [table.key for table in tables(LISTING)] == [("inet", "mine"), ("inet", "firewalld"), ("ip6", "off")]


@pytest.mark.parametrize("name", ["mine", "firewalld", "off"])
def test_a_table_can_be_left_out(name: str) -> None:
    rest = without(LISTING, lambda one: one == name)
    assert "".join(table.text for table in tables(rest)) == "".join(
        table.text for table in tables(LISTING) if table.name != name
    )
    assert rest.startswith("# Warning: table ip filter is managed")
    assert rest.endswith("}\n")


def test_where_no_table_is_left_out_the_listing_is_as_it_was() -> None:
    assert without(LISTING, lambda _: False) == LISTING


def test_the_text_of_the_tables_is_that_of_the_listing() -> None:
    assert "".join(table.text for table in tables(LISTING)) == LISTING.split("\n", 1)[1]


def test_flags_are_the_tables_own_and_not_those_of_a_set_in_it() -> None:
    assert [sorted(table.flags) for table in tables(LISTING)] == [[], ["owner", "persist"], ["dormant"]]


def test_chains_are_named() -> None:
    assert [sorted(table.chains) for table in tables(LISTING)] == [["in"], ["x"], []]


def body(*lines: str) -> str:
    return "table ip t {\n" + "".join(f"\t{line}\n" for line in lines) + "}\n"


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("chain c {\n\t\tcounter packets 1 bytes 2 drop\n\t}", "chain c {\n\t\tcounter packets 3 bytes 4 drop\n\t}"),
        ("counter c {\n\t\tpackets 5 bytes 6\n\t}", "counter c {\n\t\tpackets 7 bytes 8\n\t}"),
        ("quota q {\n\t\tover 25 mbytes\n\t}", "quota q {\n\t\tover 25 mbytes used 3 kbytes\n\t}"),
        ("chain c {\n\t\tquota 1 mbytes drop\n\t}", "chain c {\n\t\tquota 1 mbytes used 3 bytes drop\n\t}"),
        ("chain c {\n\t\tlast used never\n\t}", "chain c {\n\t\tlast used 3m4s\n\t}"),
        (
            "set s {\n\t\telements = { 1.1.1.1 counter packets 0 bytes 0, 1.1.1.2 }\n\t}",
            "set s {\n\t\telements = { 1.1.1.2,\n\t\t\t     1.1.1.1 counter packets 9 bytes 9 }\n\t}",
        ),
        (
            "set s {\n\t\tflags timeout\n\t\telements = { 1.1.1.1 timeout 1m expires 3s, 1.1.1.2 }\n\t}",
            "set s {\n\t\tflags timeout\n\t\telements = { 1.1.1.2 }\n\t}",
        ),
        (
            "set s {\n\t\tflags dynamic\n\t\telements = { 1.1.1.1, 1.1.1.2 }\n\t}",
            "set s {\n\t\tflags dynamic\n\t}",
        ),
    ],
)
def test_what_changes_by_itself_makes_no_difference(then: str, now: str) -> None:
    assert comparable(body(then)) == comparable(body(now))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ('comment "packets 1 bytes 2"', 'comment "packets 3 bytes 4"'),
        ("chain c {\n\t\tlimit rate 1/second\n\t}", "chain c {\n\t\tlimit rate 2/second\n\t}"),
        ("chain c {\n\t\taccept\n\t\tdrop\n\t}", "chain c {\n\t\tdrop\n\t\taccept\n\t}"),
        ("set s {\n\t\telements = { 1.1.1.1 }\n\t}", "set s {\n\t\telements = { 1.1.1.2 }\n\t}"),
        (
            "set s {\n\t\tflags dynamic\n\t}\n\tset t {\n\t\telements = { 1 }\n\t}",
            "set s {\n\t\tflags dynamic\n\t}\n\tset t {\n\t}",
        ),
        ("flags dormant", ""),
    ],
)
def test_what_rules_say_makes_a_difference(then: str, now: str) -> None:
    assert comparable(body(then)) != comparable(body(now))


def test_the_order_of_tables_makes_no_difference() -> None:
    one, other = "table ip a {\n}\n", "table ip b {\n}\n"
    assert comparable(one + other) == comparable(other + one)


def test_a_listing_cut_short_has_the_tables_that_are_whole() -> None:
    assert [table.name for table in tables("table ip a {\n}\ntable ip b {\n\tchain c {\n")] == ["a"]


def test_tables_are_replaced_whether_they_are_there_or_not() -> None:
    text = replacing([("ip", "old")], ["table ip new {\n}\n"])
    assert text == "table ip old\ndelete table ip old\ntable ip new {\n}\n"
