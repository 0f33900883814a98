"""Whether SELinux is on, now and after the next boot."""

from __future__ import annotations

import pytest

from pathprobe.layers.mandatory_access import mode
from pathprobe.layers.mandatory_access.facts import Mode
from pathprobe.layers.mandatory_access.read import read_modes
from pathprobe.layers.system import Recorded, Said, Unread
from tests.layers.mandatory_access.machines import domain_of, recorded, rhel

CONTAINER = "system_u:system_r:container_t:s0:c1,c2\n"


@pytest.mark.parametrize(
    ("commands", "files", "present"),
    [
        ({}, {"/sys/fs/selinux/enforce": "1"}, Mode.ENFORCING),
        ({}, {"/sys/fs/selinux/enforce": "0\n"}, Mode.PERMISSIVE),
        ({}, {"/sys/fs/selinux/enforce": "strange"}, Mode.UNKNOWN),
        ({"getenforce": "Permissive\n"}, {}, Mode.PERMISSIVE),
        ({"getenforce": "Disabled\n"}, {}, Mode.DISABLED),
        ({"sestatus": recorded("selinux/sestatus.txt")}, {}, Mode.ENFORCING),
        ({"sestatus": "SELinux status:                 disabled\n"}, {}, Mode.DISABLED),
        ({"getenforce": Said(status=1, error="getenforce: failed\n")}, {}, Mode.DISABLED),
        ({}, {}, Mode.DISABLED),
        ({}, {"/sys/fs/selinux/enforce": Unread(reason="Permission denied")}, Mode.UNKNOWN),
        ({"getenforce": "Disabled\n"}, {"/proc/self/attr/current": CONTAINER}, Mode.UNKNOWN),
        ({}, {"/proc/self/attr/current": "docker-default (enforce)\n"}, Mode.DISABLED),
        ({}, {"/proc/self/attr/current": "unconfined\n"}, Mode.DISABLED),
    ],
)
def test_the_mode_is_what_the_kernel_says_and_else_what_a_tool_says(
    commands: dict[str, str | Said], files: dict[str, str | Unread], present: Mode
) -> None:
    assert read_modes(Recorded(commands=commands, files=files)).present is present


def test_a_confined_container_that_does_not_see_selinuxfs_is_told_to_ask_outside() -> None:
    modes = read_modes(Recorded(files={"/proc/self/attr/current": CONTAINER}))
    assert "container_t" in modes.reason
    assert "outside of the container" in modes.reason


@pytest.mark.parametrize(
    ("text", "configured", "policy"),
    [
        (recorded("selinux/config.txt"), Mode.ENFORCING, "targeted"),
        ("SELINUX=disabled\nSELINUXTYPE=mls\n", Mode.DISABLED, "mls"),
        ("# SELINUX=enforcing\n", None, "targeted"),
        ("SELINUX=whatever\nSELINUXTYPE=\n", None, "targeted"),
        ("SELINUX = permissive\nSELINUX=enforcing", Mode.PERMISSIVE, "targeted"),
        ("", None, "targeted"),
    ],
)
def test_the_next_boots_mode_is_in_the_file(text: str, configured: Mode | None, policy: str) -> None:
    assert mode.of_config(text) == (configured, policy)


def test_permissive_domains_are_the_lines_that_are_types() -> None:
    assert mode.permissive_domains(recorded("selinux/semanage_permissive.txt")) == ("httpd_t",)
    assert mode.permissive_domains("\nPermissive Types: 1\n   httpd_t\n") == ("httpd_t",)


@pytest.mark.parametrize(
    ("context", "domain"),
    [
        (domain_of("httpd_t"), "httpd_t"),
        ("system_u:system_r:httpd_t", "httpd_t"),
        ("u:r:$(reboot):s0", ""),
        ("u:r:a b:s0", ""),
        ("unconfined", ""),
        ("", ""),
    ],
)
def test_a_domain_is_a_name_of_the_policys_language_for_it_goes_into_commands(context: str, domain: str) -> None:
    assert mode.domain_of(context) == domain


def test_the_machine_says_where_it_said_so() -> None:
    modes = read_modes(rhel())
    assert (modes.source, modes.text, modes.configured) == ("/sys/fs/selinux/enforce", "1", Mode.ENFORCING)
