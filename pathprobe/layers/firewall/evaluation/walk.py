"""Where does a packet leave a chain: accepted, ended, or at its end?

As the kernel walks (nft_do_chain, ipt_do_table): rule by rule, statement by statement; a jump comes back, a goto does
not; an accept ends this chain and those it was called from, and the next one on the same hook is asked again; a drop or
reject is final.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice

from pathprobe.layers.firewall.evaluation.conditions import Some, Told, fits, holds
from pathprobe.layers.firewall.evaluation.effects import changed, translated
from pathprobe.layers.firewall.evaluation.state import State, merged
from pathprobe.layers.firewall.model import (
    AnyOf,
    Assign,
    Chain,
    Combined,
    Compare,
    Condition,
    Copy,
    End,
    Ending,
    Jump,
    Named,
    Opaque,
    RouteBack,
    Rule,
    Statement,
    Table,
    Translate,
    TranslateMap,
    Untrack,
    VerdictMap,
)
from pathprobe.layers.firewall.outcome import Doubt, Fate, Outcome, Place
from pathprobe.layers.network import Network

#: nft allows 16 (NFT_JUMP_STACK_SIZE), iptables-legacy any number; what calls itself would never end here.
_DEEPEST = 100

#: Conditions that are named of one outcome; whoever has so many is not told more by all of them.
_MOST_DOUBTS, _MOST_LOOKED_AT = 12, 100

_FATES = {Ending.DROP: Fate.DROPPED, Ending.REJECT: Fate.REJECTED, Ending.HANDED: Fate.HANDED}


@dataclass(slots=True)
class Left:
    """How the states left a chain: with an accept by ``Place``, or back to whoever called it."""

    accepted: list[tuple[State, Place]] = field(default_factory=list)
    returned: list[State] = field(default_factory=list)


@dataclass(slots=True)
class Walk:
    """One table's chain on one hook; ``outcomes`` gathers what ended here."""

    table: Table
    base: Chain
    network: Network
    outcomes: list[Outcome] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)

    def run(self, states: list[State]) -> list[tuple[State, Place]]:
        """Who is let through, by which rule or policy."""
        left = self.chain(self.base, states, ())
        base = self.base.base
        assert base is not None, "only a base chain is called by the kernel"
        policy = self.place(self.base, None)
        if base.policy is Ending.DROP:
            self.outcomes += [outcome(Fate.DROPPED, state, policy) for state in left.returned]
            return left.accepted
        return left.accepted + [(state, policy) for state in left.returned]

    def place(self, chain: Chain, rule: Rule | None) -> Place:
        """One and the same object for a rule, so that places are told apart by what they are."""
        known = self.places.get(id(rule) if rule else 0)
        if known is None:
            known = self.places[id(rule) if rule else 0] = self._made(chain, rule)
        return known

    def _made(self, chain: Chain, rule: Rule | None) -> Place:
        base = self.base.base
        return Place(
            backend=self.table.backend,
            family=self.table.family,
            table=self.table.name,
            chain=chain.name,
            hook=base.hook if base else None,
            rule=rule,
            policy=base.policy if base and rule is None else None,
        )

    def chain(self, chain: Chain, states: list[State], calls: tuple[Place, ...]) -> Left:
        left = Left()
        for rule in chain.rules:
            if not states:
                return left
            if self._misses(rule, states):
                continue
            after = _Step(self, chain, rule, calls, left).take(states)
            states = merged(after) if _differ(states, after) else states
        left.returned += states
        return left

    def _misses(self, rule: Rule, states: list[State]) -> bool:
        """The short way for what nearly every rule does: its first condition does not hold."""
        if not rule.statements:
            return True
        first = rule.statements[0]
        if not isinstance(first, Compare | Named):
            return False
        return all(holds(first, state.packet, self.network) is Told.NO for state in states)


@dataclass(slots=True)
class _Step:
    """One rule: ``left`` takes those who leave the chain by it, ``on`` those who go on with the next."""

    walk: Walk
    chain: Chain
    rule: Rule
    calls: tuple[Place, ...]
    left: Left
    on: list[State] = field(default_factory=list)
    doubts: dict[int, Doubt] = field(default_factory=dict)

    def take(self, states: list[State]) -> list[State]:
        for statement in self.rule.statements:
            if not states:
                break
            states = self._statement(statement, states)
        return self.on + states

    def _statement(self, statement: Statement, states: list[State]) -> list[State]:
        """Those for whom the next statement of the rule counts."""
        match statement:
            case Compare() | Named() | Combined() | RouteBack() | AnyOf() | Opaque():
                return self._condition(statement, states)
            case Copy():
                # What cannot be read ends the rule; what cannot be written does not (nft_ct_get_eval, nft_ct_set_eval).
                self.on += [state for state in states if not state.packet.has(statement.source)]
                return [changed(state, statement) for state in states if state.packet.has(statement.source)]
            case Assign() | Untrack():
                return [changed(state, statement) for state in states]
            case VerdictMap():
                return self._map(statement, states)
            case TranslateMap():
                return self._map(statement, states)
            case _:
                return self._verdict(statement, states)

    def _condition(self, condition: Condition, states: list[State]) -> list[State]:
        held = []
        for state in states:
            match holds(condition, state.packet, self.walk.network):
                case Told.YES:
                    held.append(state)
                case Told.NO:
                    self.on.append(state)
                case Told.MAYBE:
                    doubt = self._doubt(condition)
                    held.append(state.assuming(doubt, held=True))
                    self.on.append(state.assuming(doubt, held=False))
                case Some(inside, outside):
                    held.append(state.of(inside))
                    self.on.append(state.of(outside))
        return held

    def _map(self, table: VerdictMap | TranslateMap, states: list[State]) -> list[State]:
        """Each with what stands beside its element; for those without one the rule ends, as a failed lookup ends it."""
        going_on: list[State] = []
        for state in states:
            rest: State | None = state
            if not all(state.packet.has(field) for field in table.fields):
                self.on.append(state)
                continue
            for element, verdict in table.entries:
                if rest is None:
                    break
                match fits(table.fields, element, rest.packet):
                    case Told.YES:
                        going_on += self._verdict(verdict, [rest])
                        rest = None
                    case Told.MAYBE:
                        doubt = self._doubt(table)
                        going_on += self._verdict(verdict, [rest.assuming(doubt, held=True)])
                        rest = rest.assuming(doubt, held=False)
                    case Some(inside, outside):
                        going_on += self._verdict(verdict, [rest.of(inside)])
                        rest = rest.of(outside)
            if rest is not None:
                self.on.append(rest)
        return going_on

    def _verdict(self, verdict: End | Jump | Translate, states: list[State]) -> list[State]:
        """Those for whom the next statement of the rule counts all the same."""
        place = self.walk.place(self.chain, self.rule)
        match verdict:
            case End(ending=Ending.ACCEPT):
                self.left.accepted += [(state, place) for state in states]
            case End(ending=Ending.RETURN):
                self.left.returned += states
            case End(ending=Ending.CONTINUE):
                return states
            case End():
                fate = _FATES[verdict.ending]
                self.walk.outcomes += [
                    outcome(fate, state, place, came_by=self.calls, detail=verdict.detail) for state in states
                ]
            case Jump():
                self._jump(verdict, states, place)
            case Translate():
                self.left.accepted += [
                    (translated(state, verdict, place, self.walk.network), place) for state in states
                ]
        return []

    def _jump(self, jump: Jump, states: list[State], place: Place) -> None:
        chain = self.walk.table.chains.get(jump.chain)
        if chain is None or len(self.calls) >= _DEEPEST:
            self._lost_track(jump, states, place)
            return
        inner = self.walk.chain(chain, states, (*self.calls, place))
        self.left.accepted += inner.accepted
        if jump.goto:
            self.left.returned += inner.returned
        else:
            self.on += inner.returned

    def _lost_track(self, jump: Jump, states: list[State], place: Place) -> None:
        """It may be decided there, or come back."""
        doubt = Doubt(place=place, text=f"jump {jump.chain}")
        detail = f"chain {jump.chain}, which could not be followed"
        self.walk.outcomes += [
            outcome(Fate.HANDED, state.assuming(doubt, held=True), place, came_by=self.calls, detail=detail)
            for state in states
        ]
        self.on += [state.assuming(doubt, held=False) for state in states]

    def _doubt(self, statement: Statement) -> Doubt:
        """One and the same object for all who meet it in this rule."""
        if self.doubts.get(id(statement)) is None:
            self.doubts[id(statement)] = self._made(statement)
        return self.doubts[id(statement)]

    def _made(self, statement: Statement) -> Doubt:
        text = statement.text if isinstance(statement, Opaque) else self.rule.text
        at_first = statement.at_first if isinstance(statement, Opaque) else None
        return Doubt(place=self.walk.place(self.chain, self.rule), text=text, at_first=at_first)


def _differ(before: list[State], after: list[State]) -> bool:
    return len(before) != len(after) or any(one is not other for one, other in zip(before, after, strict=True))


def outcome(
    fate: Fate, state: State, place: Place | None, *, came_by: tuple[Place, ...] = (), detail: str = ""
) -> Outcome:
    """What became of a state, with the last of the conditions that it depends on, limits behind the others."""
    assumed = sorted(islice(state.assumed or (), _MOST_LOOKED_AT), key=lambda one: one.doubt.is_limit)[:_MOST_DOUBTS]
    return Outcome(
        fate=fate,
        decided=place,
        came_by=came_by,
        passed=state.passed,
        several=state.several,
        detail=detail,
        sources=state.packet.senders,
        doubts=tuple(replace(one.doubt, held=one.held) for one in assumed),
        redirections=state.redirections,
    )
