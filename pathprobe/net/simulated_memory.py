"""What does a simulated machine keep between one packet and the next, and what does it leave to chance?

Its rule limits, its address translations, the clock and the dice. Everything else about a machine is fixed.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field

from pathprobe.net.actions import LIMIT_BURST, Limit
from pathprobe.net.scenario import Rule
from pathprobe.net.simulated_nat import Translations

#: A sum of intervals may miss a whole token by a rounding error.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Tokens that come with time."""

    tokens: float
    filled_at: float = 0.0

    def take(self, now: float, interval: float, burst: int) -> tuple[bool, Bucket]:
        """Whether there was a token, and what is left."""
        tokens = min(self.tokens + (now - self.filled_at) / interval, burst)
        allowed = tokens >= 1 - ROUNDING
        return allowed, Bucket(tokens=tokens - allowed, filled_at=now)


@dataclass(slots=True)
class Memory:
    """The memory of one machine. ``dice`` is the network's, which every machine shares."""

    dice: random.Random
    now: float = 0.0
    buckets: dict[Rule, Bucket] = field(default_factory=dict)
    translations: Translations = field(default_factory=Translations)

    def copy(self, dice: random.Random) -> Memory:
        """The same memory, for looking ahead with other dice."""
        other = copy.copy(self)
        other.dice = dice
        other.buckets = self.buckets.copy()
        other.translations = self.translations.copy()
        return other

    def loses(self, percent: int) -> bool:
        """Whether a packet falls to a rule that drops so many (nft: numgen random mod 100 < PERCENT)."""
        return self.dice.randrange(100) < percent

    def exceeds(self, rule: Rule, limit: Limit) -> bool:
        """Whether a packet comes too early for a rule's limit (nft_limit_eval)."""
        bucket = self.buckets.get(rule, Bucket(tokens=LIMIT_BURST))
        allowed, self.buckets[rule] = bucket.take(self.now, limit.interval, LIMIT_BURST)
        return not allowed
