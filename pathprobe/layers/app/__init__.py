"""Layer 7: the port is open, but does the service behind it speak, and is what it says well?

``parse`` reads a target, ``ask`` holds the conversation (the only part that opens sockets), ``judge`` makes the row of
it, and ``look`` does both. ``guess`` is the protocol that a port is known for.
"""

from pathprobe.layers.app.ask import ask
from pathprobe.layers.app.conclusion import conclude
from pathprobe.layers.app.connect import CannotAsk
from pathprobe.layers.app.judge import judge
from pathprobe.layers.app.look import look
from pathprobe.layers.app.target import BadTarget, Question, Scheme, guess, parse

__all__ = ["BadTarget", "CannotAsk", "Question", "Scheme", "ask", "conclude", "guess", "judge", "look", "parse"]
