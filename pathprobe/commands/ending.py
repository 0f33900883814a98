"""How does a command end that cannot do its job?"""

from __future__ import annotations

import sys
from typing import NoReturn

import click


def fail(message: str, code: int) -> NoReturn:
    """One clear line on stderr, and out."""
    click.echo(f"pathprobe: {message}", err=True)
    sys.exit(code)
