"""Pool: several engines that serve the same model, as one. Knows who is busy and who is away; knows no kind of
engine."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from models.engines.engine import Canary, Completion, Enforcement, Engine, Message, Sampling, closes
from models.engines.load import Load, load_of
from models.engines.profiles import Profile
from models.errors import EngineError, EngineUnavailable, ModelNotFound
from models.grammar.grammar import Grammar

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
"""Seconds that an engine is set aside: the first time, and at most; doubled in between. A server that is restarted
needs half a minute or more, and trying one that is away costs a call a refused connection, or five seconds at worst."""

PREFIXES = 1024
"""First messages of which it is remembered who served them: an app has one for each of its prompts."""


@dataclass(eq=False)
class _Member:
    """`place`: its address, or what else tells it from the others. `failures` in a row; away until `back`."""

    engine: Engine
    place: str
    flying: int = 0
    failures: int = 0
    back: float = 0.0


class Pool:
    """See `Engine`. Each call goes to one engine; if that is gone, to the next, and only when every engine was tried
    in vain does EngineUnavailable reach the caller.

    An engine that is gone is set aside for a while that doubles up to `LONGEST_WAIT`; then one call tries it again. So
    is one that no longer knows its model: something else was started at its address; and one that fails in no way that
    is known to be the request's, whose error reaches the caller where all engines fail like this. All must be the same
    model with the same profile. The profile's context is the smallest of them: a longer prompt is refused where it
    meets that one.
    """

    def __init__(
        self, engines: Sequence[Engine], places: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`places`: what messages call the engines, such as their addresses; `clock` in seconds.

        Raises ValueError for no engines, ModelNotFound for engines that do not serve the same model, EngineError for
        ones whose profiles differ.
        """
        if not engines:
            raise ValueError("a pool needs at least one engine")
        places = places or [f"engine {number} ({engine.name})" for number, engine in enumerate(engines, 1)]
        self._members = [_Member(engine, place) for engine, place in zip(engines, places, strict=True)]
        self._check_alike()
        known = [engine.profile.context for engine in engines if engine.profile.context]
        self.profile: Profile = replace(engines[0].profile, context=min(known, default=0))
        self.name = " and ".join(dict.fromkeys(engine.name for engine in engines))  # however many: a run may go on
        self.identity = engines[0].identity
        self._clock = clock
        self._homes: OrderedDict[Message, set[_Member]] = OrderedDict()

    @property
    def enforcement(self) -> Enforcement:
        """See `Engine.enforcement`: "grammar" only if every engine enforces."""
        return "grammar" if all(member.engine.enforcement == "grammar" for member in self._members) else "prompted"

    @property
    def closes(self) -> bool:
        """See `Closer.closes`: only if every engine does."""
        return all(closes(member.engine) for member in self._members)

    @property
    def canary(self) -> Canary | None:
        """See `Engine.canary`: passed only if it passed everywhere, with every reason where it did not."""
        canaries = [(member.place, member.engine.canary) for member in self._members]
        known = [(place, canary) for place, canary in canaries if canary is not None]
        if len(known) < len(canaries):
            return None
        reasons = [f"{place}: {canary.reason}" for place, canary in known if not canary.passed]
        return Canary(not reasons, " ".join(reasons), max(canary.seconds for _, canary in known))

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        prefix = messages[0] if messages else None
        tried: list[_Member] = []
        said: list[str] = []
        odd: list[EngineError] = []
        while left := [member for member in self._members if member not in tried]:
            member = self._choose(left, prefix)
            tried.append(member)
            failures = member.failures
            member.flying += 1
            try:
                completion = await member.engine.generate(messages, grammar, sampling, max_tokens)
            except EngineError as error:
                # Of no kind that is about the request: a member that fails at once would draw all calls to itself.
                if type(error) is EngineError:
                    odd.append(error)
                elif not isinstance(error, EngineUnavailable | ModelNotFound):
                    raise
                said.append(f"{member.place}: {error.what}")
                self._set_aside(member, failures)
            else:
                member.failures = 0
                self._remember(prefix, member)
                return completion
            finally:
                member.flying -= 1
        if len(odd) == len(tried):
            raise odd[0]
        raise EngineUnavailable(f"None of the servers of {self.name} answers. {' '.join(said)}")

    async def load(self) -> Load | None:
        """See `Observable.load`: of all engines together. One that does not answer counts as absent."""
        found = await asyncio.gather(*[load_of(member.engine) for member in self._members], return_exceptions=True)
        total: Load | None = None
        for load in found:
            if isinstance(load, Load):
                total = load if total is None else total + load
            elif isinstance(load, BaseException) and not isinstance(load, EngineError):
                raise load
        if total is None:
            _raise_first(found)
        return total

    async def close(self) -> None:
        """See `Engine.close`. Every engine is closed, whatever the others do."""
        _raise_first(await asyncio.gather(*[member.engine.close() for member in self._members], return_exceptions=True))

    def _choose(self, members: Sequence[_Member], prefix: Message | None) -> _Member:
        now = self._clock()
        ready = [member for member in members if not member.failures or member.back <= now]
        if not ready:  # better tried before its time than not at all
            return min(members, key=lambda member: member.back)
        # Least loaded, but those that served this first message keep it until the least busy of them has a quarter and
        # two more calls in flight than the least busy of all: their caches spare the shared part of the prompt, while
        # some more calls in a batch slow each other by little; beyond that, they queue.
        chosen = min(ready, key=_flying)
        homes = self._homes.get(prefix, ()) if prefix is not None else ()
        home = min((member for member in ready if member in homes), key=_flying, default=chosen)
        if home.flying <= chosen.flying * 1.25 + 2:
            chosen = home
        if chosen.failures:  # one call finds out whether it is back; the others do not wait for that
            chosen.back = now + _wait(chosen.failures)
        return chosen

    def _set_aside(self, member: _Member, failures: int) -> None:
        # Of many calls in flight when an engine dies, only the first one counts: the others tell nothing new.
        if member.failures == failures:
            member.failures += 1
            member.back = self._clock() + _wait(member.failures)
            for homes in self._homes.values():  # what comes back has an empty cache
                homes.discard(member)

    def _remember(self, prefix: Message | None, member: _Member) -> None:
        if prefix is None:
            return
        self._homes.setdefault(prefix, set()).add(member)
        self._homes.move_to_end(prefix)
        if len(self._homes) > PREFIXES:
            self._homes.popitem(last=False)

    def _check_alike(self) -> None:
        first, *others = self._members
        for other in others:
            if first.engine.identity != other.engine.identity:
                raise ModelNotFound(
                    f"{first.place} and {other.place} do not serve the same model: {first.engine.identity!r} and"
                    f" {other.engine.identity!r}.",
                    "Start the same model with the same version of the server on each.",
                )
            mine, theirs = (replace(member.engine.profile, context=0) for member in (first, other))
            if mine != theirs:
                raise EngineError(
                    f"{first.place} and {other.place} serve one model, but are trusted with different things: {mine}"
                    f" and {theirs}.",
                    "Open them in the same way.",
                )


def _flying(member: _Member) -> int:
    return member.flying


def _wait(failures: int) -> float:
    return min(FIRST_WAIT * 2.0 ** min(failures - 1, 10), LONGEST_WAIT)


def _raise_first(results: Sequence[object]) -> None:
    """Raise the first exception among what `asyncio.gather` returned, if there is one."""
    for result in results:
        if isinstance(result, BaseException):
            raise result
