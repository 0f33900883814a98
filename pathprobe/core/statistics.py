"""How likely is this by chance?

Exact, with integers: the counts of a diagnosis are small.
"""

from __future__ import annotations

from math import comb, sqrt

#: A forger's reply has the TTL of the target's own by chance in about one of this many cases:
#: paths on the Internet are up to about 30 hops long, and a forger may sit at any of them.
TTL_COINCIDENCE = 30

#: Loss that strikes test and control alike must be less likely than this before a difference is believed.
ENOUGH = 0.05

#: Rates are worked out as exactly as this.
_DIGIT = 0.001

#: More cases than these have binomials that no float holds.
_EXACT = 1000
#: Standard deviations that leave one case in twenty on one side.
_DEVIATIONS = 1.645

#: The same before a verdict is given that loss alone might fake: there one looks again and again, and each look is
#: a chance to be wrong.
CERTAIN = 0.005

#: And where packets are seen to get lost: there the looks are many.
RULED_OUT = 0.001

#: One time in so many the stopping rule may miss a router: 95 %, as every tool that uses it has it.
_STOPPING_RISK = 20


def chance_of_split(test_passed: int, test_sent: int, control_passed: int, control_sent: int) -> float:
    """One-sided Fisher exact test: the probability that a loss which strikes test and control alike
    leaves the test with ``test_passed`` or fewer (R. A. Fisher, 1935, the lady tasting tea).

    1.0 when one side sent nothing: no comparison, no evidence.
    """
    if not test_sent or not control_sent:
        return 1.0
    passed, total = test_passed + control_passed, test_sent + control_sent
    least = max(0, passed - control_sent)
    ways = sum(comb(test_sent, k) * comb(control_sent, passed - k) for k in range(least, test_passed + 1))
    return ways / comb(total, passed)


def chance_of_so_many(least: int, of: int, each: float) -> float:
    """The probability that ``least`` or more of ``of`` things happen that have the chance ``each`` (binomial tail)."""
    return sum(comb(of, k) * each**k * (1 - each) ** (of - k) for k in range(least, of + 1))


def most_likely_at_most(happened: int, of: int) -> float:
    """The highest rate under which so few happen in one of twenty cases (Clopper and Pearson, 1934); 3 digits."""
    low, high = happened / of if of else 0.0, 1.0
    while high - low > _DIGIT:
        rate = (low + high) / 2
        few = sum(comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(happened + 1))
        low, high = (rate, high) if few > ENOUGH else (low, rate)
    return high


def rate_between(happened: int, of: int) -> tuple[float, float]:
    """The lowest and the highest rate, each at 95 %, under which that happens ``happened`` times in ``of``.

    Exact for as many as have exact binomials in a float, else by E. B. Wilson's score interval (1927).
    """
    if of <= _EXACT:
        return 1 - most_likely_at_most(of - happened, of), most_likely_at_most(happened, of)
    rate, spread = happened / of, _DEVIATIONS**2 / of
    middle = (rate + spread / 2) / (1 + spread)
    half = _DEVIATIONS * sqrt(rate * (1 - rate) / of + spread / (4 * of)) / (1 + spread)
    return middle - half, middle + half


def flows_to_rule_out(routers: int) -> int:
    """How many flows must be asked at a hop, all answered by fewer, before ``routers`` of them are ruled out at 95 %.

    The stopping rule of the Multipath Detection Algorithm (Veitch, Augustin, Teixeira and Friedman, INFOCOM 2009),
    for a balancer that spreads flows evenly: 6, 11, 16, 21 ... for 2, 3, 4, 5 routers. Raises ValueError below 2.
    """
    if routers < 2:
        raise ValueError("one router is there anyway")
    flows = routers
    while _STOPPING_RISK * _ways_to_miss(routers, flows) >= routers**flows:
        flows += 1
    return flows


def _ways_to_miss(routers: int, flows: int) -> int:
    """In how many of the ``routers ** flows`` ways to spread flows one router at least gets none."""
    return sum((-1) ** (k - 1) * comb(routers, k) * (routers - k) ** flows for k in range(1, routers))


def chance_of_next_passing(lost: int) -> float:
    """After ``lost`` losses and no success: Laplace's rule of succession, the chance that one more gets through."""
    return 1 / (lost + 2)


def chance_of_guess(tokens: int, bits: int = 32) -> float:
    """The chance that a stranger's packet carries one of ``tokens`` tokens that are out.

    They have 32 bits; an answer over UDP carries no more than the 16 of the port it comes to.
    """
    return tokens / float(1 << bits)
