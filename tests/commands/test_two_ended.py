"""``pathprobe analyze CLIENT SERVER`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main
from tests.core.ends.two_ends import Network, syn
from tests.engine.test_two_ended import files, lost_answer


def analyze(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)])


def test_two_captures_give_one_verdict_and_its_status(tmp_path: Path) -> None:
    client, server = files(lost_answer(), tmp_path)
    done = analyze(client, server)
    assert (done.exit_code, done.stderr) == (4, "")
    assert "FILTERED   the server answered (3 packets sent), and the answer was lost on the way back" in done.stdout


def test_the_document_names_both_captures(tmp_path: Path) -> None:
    client, server = files(lost_answer(), tmp_path)
    document = json.loads(analyze(client, server, "--json").stdout)
    assert (document["capture"]["path"], document["server_capture"]["path"]) == (str(client), str(server))
    assert document["results"][0]["both_ends"]["clock"]["offset_s"] == pytest.approx(-9000, abs=0.02)


def test_swapped_captures_are_told_on_stderr_and_read_as_they_should_be(tmp_path: Path) -> None:
    client, server = files(lost_answer(), tmp_path)
    right, swapped = analyze(client, server), analyze(server, client)
    assert swapped.stdout == right.stdout
    assert swapped.stderr == f"pathprobe: {server} is the server's capture and {client} the client's: read as such\n"


@pytest.mark.parametrize(
    ("octets", "words"),
    [(b"hello\n", "not a pcap or pcapng file but text"), (b"", "the file is empty"), (None, "No such file")],
)
def test_a_second_file_that_cannot_be_read_is_one_line_and_status_1(
    octets: bytes | None, words: str, tmp_path: Path
) -> None:
    client, server = files(lost_answer(), tmp_path)
    server.unlink()
    if octets is not None:
        server.write_bytes(octets)
    done = analyze(client, server)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert str(server) in line
    assert words in line


def test_files_with_nothing_in_common_are_one_line_and_status_1(tmp_path: Path) -> None:
    network, later = Network(), Network()
    network.there(syn(), lost=True)
    later.wait(3600)
    later.there(syn(sequence=5, clock=9, identification=8, ports=(50000, 22)))
    network.server = later.server
    done = analyze(*files(network, tmp_path))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no packet in common" in done.stderr
