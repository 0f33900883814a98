"""Does Wireshark show our comments on anybody's packets, at one end and at both? Run by `make evidence`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence.in_tshark import tshark
from tests.test_foreign_captures import FOLDERS
from tests.test_tickets import captures_of, pathprobe
from tests.wire.whole_files import read_whole

#: What somebody sent to a port is not always of the protocol that Wireshark takes it for, and redacted it never is.
AS_DATA = [word for protocol in ("dns", "mdns", "http") for word in ("--disable-protocol", protocol)]


@pytest.mark.parametrize("redact", [(), ("--redact",)], ids=["plain", "redacted"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_frame_of_each_file_has_its_comment_and_is_well_formed(
    folder: Path, redact: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    captures = captures_of(folder)
    pathprobe(monkeypatch, "analyze", *captures, "--ticket", tmp_path / "t", *redact)
    files = sorted((tmp_path / "t").glob("*.pcapng"))
    assert len(files) == len(captures)
    for file in files:
        fields = [word for name in ("frame.comment", "_ws.malformed", "_ws.short") for word in ("-e", name)]
        shown = [line.split("\t") for line in tshark(file, *AS_DATA, "-T", "fields", *fields)]
        assert [line[0] for line in shown] == [",".join(packet.comments) for packet in read_whole(file).packets]
        assert all(line[0] for line in shown)
        assert [line for line in shown if any(line[1:])] == []
