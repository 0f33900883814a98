"""Where denials are looked for, and whether they would be there."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.layers.mandatory_access.logs import AUDIT_LOG, read_log
from pathprobe.layers.system import Recorded, Said
from tests.layers.mandatory_access.machines import DENIED, ausearch, dmesg, journal, recorded, rhel_as_a_user

JOURNAL = recorded("selinux/journal_fedora.txt")
NO_MATCHES = Said(status=1, error="<no matches>\n")
NOT_ALLOWED = Said(status=1, error="Error opening /var/log/audit/audit.log (Permission denied)\n")


@pytest.mark.parametrize(
    ("commands", "files", "source", "is_whole"),
    [
        ({ausearch: "type=AVC"}, {}, ausearch, True),
        ({ausearch: NO_MATCHES, journal: JOURNAL}, {}, ausearch, True),
        ({}, {AUDIT_LOG: "type=AVC"}, AUDIT_LOG, True),
        ({ausearch: NOT_ALLOWED, journal: JOURNAL}, {AUDIT_LOG: DENIED}, journal, True),
        ({journal: "1794999700.8 web1 kernel: eth0: link up\n"}, {}, journal, False),
        ({journal: "-- No entries --\n"}, {}, journal, False),
        ({dmesg: recorded("selinux/dmesg_without_auditd.txt")}, {}, dmesg, True),
        ({dmesg: "[ 1.0] eth0: link up\n"}, {}, dmesg, False),
        ({}, {}, "", False),
    ],
)
def test_the_first_log_that_can_be_read_is_taken(
    commands: dict[str, Any], files: dict[str, Any], source: str, is_whole: bool
) -> None:
    _, log = read_log(Recorded(commands=commands, files=files))
    assert (log.source, log.is_whole) == (source, is_whole)


def test_a_journal_that_shows_only_ones_own_messages_is_not_read_as_silence() -> None:
    text, log = read_log(rhel_as_a_user())
    assert (text, log.source) == ("", "")
    assert len(log.unread) == 4
