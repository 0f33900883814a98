"""Is SELinux on, does it enforce, and will it after the next boot?

selinuxfs has the truth (selinux(8)); getenforce and sestatus say the same in words. The file for the next boot is
/etc/selinux/config (selinux_config(5)).
"""

from __future__ import annotations

from pathprobe.layers.mandatory_access.facts import Mode

#: What stands in /sys/fs/selinux/enforce.
_ENFORCE = {"1": Mode.ENFORCING, "0": Mode.PERMISSIVE}
_WORDS = {mode.value: mode for mode in (Mode.ENFORCING, Mode.PERMISSIVE, Mode.DISABLED)}


def of_enforce_file(text: str) -> Mode:
    return _ENFORCE.get(text.strip(), Mode.UNKNOWN)


def of_getenforce(text: str) -> Mode:
    return _WORDS.get(text.strip().lower(), Mode.UNKNOWN)


def of_sestatus(text: str) -> Mode:
    """``Current mode:`` where SELinux is on, else ``SELinux status:``."""
    said = _pairs(text, ":")
    status = said.get("selinux status", "")
    return _WORDS.get(said.get("current mode", status).lower(), Mode.UNKNOWN)


def of_config(text: str) -> tuple[Mode | None, str]:
    """The mode for the next boot, and the policy's name, ``targeted`` where none is given."""
    said = _pairs(text, "=")
    return _WORDS.get(said.get("selinux", "").lower()), said.get("selinuxtype", "") or "targeted"


def _pairs(text: str, sign: str) -> dict[str, str]:
    """The first of a name counts, comments do not."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, there, value = line.partition(sign)
        if there and not name.lstrip().startswith("#"):
            found.setdefault(name.strip().lower(), value.strip())
    return found


def is_selinux_context(text: str) -> bool:
    """``user:role:type[:level]``, and not one of AppArmor's words (``unconfined``, ``/usr/sbin/x (enforce)``)."""
    parts = text.strip().strip("\x00").split(":")
    return len(parts) >= 3 and all(parts[:3]) and " " not in parts[0] and parts[1].endswith("_r")


def domain_of(context: str) -> str:
    """The type in a context; empty where it has none that the policy's language would take (it goes into commands)."""
    parts = context.strip().strip("\x00").split(":")
    type_ = parts[2] if len(parts) >= 3 else ""
    return type_ if is_identifier(type_) else ""


def is_identifier(text: str) -> bool:
    """A name as the policy's language has them: letters, digits, ``_`` and ``.``, a letter or ``_`` first."""
    return text.isascii() and text.replace(".", "_").isidentifier()


def permissive_domains(text: str) -> tuple[str, ...]:
    """Of ``semanage permissive -l`` or ``seinfo --permissive``: the lines that are one word ending in ``_t``."""
    lines = [line.strip() for line in text.splitlines()]
    return tuple(line for line in lines if line.endswith("_t") and " " not in line)
