"""EngineClient: the pipeline's one way to its engine. Waits out an engine that is away, and measures when it is busy.

Knows time; does not know prompts, contracts or records.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from models.engines.engine import Completion, Engine, Message, Sampling
from models.engines.preferences import Preferences
from models.engines.profiles import Profile
from models.engines.wording import Wording
from models.errors import EngineUnavailable
from models.grammar.grammar import Grammar

LONGEST_WAIT = 15.0


def waits_of(seconds: float) -> tuple[float, ...]:
    """Seconds between tries while an engine does not answer, doubling from 1 to 15, so many in all."""
    found: list[float] = []
    while (left := seconds - sum(found)) > 0:
        found.append(min(2.0 ** len(found), LONGEST_WAIT, left))
    return tuple(found)


WAITS = waits_of(180.0)
"""Three minutes, in which a server that was killed loads its model again. A longer absence ends the run, which goes on
where it stopped when it is started again."""


class EngineClient:
    """Every record of a run shares one. `progress` is told, once per absence, that the engine is waited for.

    `fitted`: the engine's profile as the folder that is worked in wants it. `wording`: for an answer that is asked for
    in words. `trusted`: whether its model may choose.
    """

    def __init__(
        self,
        engine: Engine,
        waits: Sequence[float] = WAITS,
        progress: Callable[[str], None] = lambda text: None,
        fitted: Callable[[Profile], Profile] = lambda profile: profile,
        wording: Wording = Wording(),
        trusted: bool = False,
    ) -> None:
        self.engine = engine
        self.trusted = trusted
        self._fitted = fitted
        self._wording = wording
        self._waits = tuple(waits)
        self._progress = progress
        self._flying = 0
        self._since = 0.0
        self._busy = 0.0
        self._away = False
        self._noticed: set[str] = set()
        self.preferences = Preferences()

    @property
    def profile(self) -> Profile:
        """What the model is trusted with here, and how it is asked."""
        return self._fitted(self.engine.profile)

    @property
    def busy_seconds(self) -> float:
        """Wall seconds during which at least one call was with the engine."""
        return self._busy + (time.perf_counter() - self._since if self._flying else 0.0)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        prompted: bool = False,
        max_tokens: int | None = None,
    ) -> Completion:
        """One completion, by grammar or, if `prompted`, from XML; without a grammar, a free text of `max_tokens`.

        Raises EngineUnavailable after the last wait; every other error at once.
        """
        engine = self._in_words() if prompted else self.engine
        for wait in (*self._waits, None):
            self._takeoff()
            try:
                completion = await engine.generate(messages, grammar, sampling, max_tokens)
            except EngineUnavailable as error:
                if wait is None:
                    raise
                if not self._away:
                    self._away = True
                    self._progress(f"{error.what} Waiting for it…")
            else:
                self._away = False
                return completion
            finally:
                self._land()
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    def notice(self, text: str) -> None:
        """Tell people something about this engine, once in a run."""
        if text not in self._noticed:
            self._noticed.add(text)
            self._progress(text)

    def _in_words(self) -> Engine:
        from models.engines.prompted.prompted import Prompted  # few runs come to this, and none needs to load it before

        return Prompted(self.engine, wording=self._wording.for_model(self.profile))

    def _takeoff(self) -> None:
        if not self._flying:
            self._since = time.perf_counter()
        self._flying += 1

    def _land(self) -> None:
        self._flying -= 1
        if not self._flying:
            self._busy += time.perf_counter() - self._since
