"""Is anybody looking? A stream may be closed, and then Python has none."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def width() -> int | None:
    """Columns of the terminal that stdout is; None where it is none, for then nothing is folded."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
