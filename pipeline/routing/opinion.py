"""Opinion: a model as the gate's second opinion on messages, as `Gate` asks it, without records or a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Engine, Message
from models.engines.weighing import weigh
from pipeline.app import App
from pipeline.intents import OUT_OF_SCOPE
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from pipeline.routing.decision import Decision, shortlist
from pipeline.routing.gate import refusals

AT_ONCE = 16


@dataclass(frozen=True)
class Opinion:
    """How likely a model finds each of what it was asked about (`shares`, sum 1); empty where there was no choice.

    `tokens` and `seconds`: of its calls, prompt and completion together; seconds include waiting for others.
    """

    shares: Mapping[str, float]
    tokens: int = 0
    seconds: float = 0.0


async def opinions(
    engine: Engine,
    asked: Sequence[tuple[str, Decision]],
    app: App | None = None,
    always: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> list[Opinion]:
    """What the model makes of each text, among what the encoder's decision leaves open; with `always`, among all.

    `app`: whose words the intents are put in, and whose prompts they are; without one, intents are their names. Raises
    as the engine.
    """
    room = asyncio.Semaphore(AT_ONCE)
    phrases = {} if app is None else {flow.intent: flow.phrase for flow in app.workflows}
    wording = Prompts() if app is None else app.wording()
    layout = wording.laid_out(engine.profile)

    async def one(text: str, decision: Decision) -> Opinion:
        names = [name for name, _ in decision.candidates if name != OUT_OF_SCOPE]
        chosen = names if always else list(shortlist(decision.candidates, sure=False))
        if not chosen:
            return Opinion({})
        options = {name: phrases.get(name, name.replace("_", " ")) for name in chosen} | refusals(wording)

        def prompt(order: Mapping[str, str]) -> Sequence[Message]:
            lettered = {letter: f"{name}: {options[name]}" for letter, name in order.items()}
            return layout.weigh(wording.word("wish"), lettered, [Turn("customer", text)])

        async with room:
            weighed = await weigh(lambda *request: engine.generate(*request), prompt, list(options))
        advance()
        usages = [call.usage for call in weighed.calls]
        return Opinion(
            weighed.shares,
            sum(usage.prompt_tokens + usage.completion_tokens for usage in usages),
            sum(call.seconds for call in weighed.calls),
        )

    return await asyncio.gather(*[one(text, decision) for text, decision in asked])
