"""A model as the gate's second opinion on labelled messages, as `Gate` asks it, without records or a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from models.engines.engine import Message
from models.engines.open_engine import open_engine
from models.engines.weighing import weigh
from pipeline.intents import OUT_OF_SCOPE
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from pipeline.routing.decision import Decision, shortlist
from pipeline.routing.gate import concluded, refusals
from scripts.console import tell

AT_ONCE = 16


async def model_decides(
    model: str, work: Sequence[tuple[str, Decision]], always: bool = False
) -> list[tuple[Decision, bool]]:
    """For each text and the encoder's decision: the decision with the model in it, and whether the model was called.

    A model that its profile does not trust with decisions only ever sees one option, which costs no call. `always`:
    the model's word alone counts.
    """
    async with open_engine(model, tell) as engine:
        gate, prompts = asyncio.Semaphore(AT_ONCE), Prompts()
        layout = prompts.laid_out(engine.profile)

        async def one(text: str, decision: Decision) -> tuple[Decision, bool]:
            names = [name for name, _ in decision.candidates if name != OUT_OF_SCOPE]
            if not engine.profile.decides or not names:
                return decision, False
            chosen = names if always else list(shortlist(decision.candidates, sure=False))
            options = {name: name.replace("_", " ") for name in chosen} | refusals(prompts)

            def prompt(order: Mapping[str, str]) -> Sequence[Message]:
                lettered = {letter: f"{name}: {options[name]}" for letter, name in order.items()}
                return layout.weigh(prompts.word("wish"), lettered, [Turn("customer", text)])

            async with gate:
                weighed = await weigh(lambda *asked: engine.generate(*asked), prompt, list(options))
            encoder = {} if always else dict(decision.candidates)
            return concluded(decision, encoder, weighed.shares), True

        return await asyncio.gather(*[one(text, decision) for text, decision in work])
