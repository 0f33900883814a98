"""Which scenarios come with pathprobe, and what is in one of them?"""

from __future__ import annotations

import difflib
import functools
from importlib import resources

from pathprobe.net.scenario import Scenario, read


class UnknownScenario(KeyError):
    """No packaged scenario has that name; the text offers the ones that look like it."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which turns a sentence into a quotation.
        return str(self.args[0])


def names() -> tuple[str, ...]:
    """The packaged scenarios' names, sorted; one file for both families gives NAME and NAME-v6."""
    return tuple(_scenarios())


def simulable() -> tuple[str, ...]:
    """The names of those whose every part the simulated network has too."""
    return tuple(name for name, scenario in _scenarios().items() if scenario.is_simulable)


def load(name: str) -> Scenario:
    """The scenario called NAME. Raises UnknownScenario."""
    try:
        return _scenarios()[name]
    except KeyError:
        close = difflib.get_close_matches(name, names())
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names())}"
        raise UnknownScenario(f"no scenario {name!r}: {hint}") from None


@functools.cache
def _scenarios() -> dict[str, Scenario]:
    files = (resources.files("pathprobe.lab") / "scenarios").iterdir()
    texts = {file.name.removesuffix(".toml"): file.read_text("utf-8") for file in files if file.name.endswith(".toml")}
    found = [scenario for name, text in texts.items() for scenario in read(name, text)]
    return {scenario.name: scenario for scenario in sorted(found, key=lambda scenario: scenario.name)}
