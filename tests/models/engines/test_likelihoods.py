"""How likely what was said is behind each of a few texts, whatever the model would choose by itself."""

from __future__ import annotations

from collections.abc import Sequence

from models.engines.engine import Completion, Decoding, Message, Sampling, Usage
from models.engines.likelihoods import likelihoods
from models.engines.open_engine import open_engine
from models.grammar.grammar import Grammar

STATES = ("in stock", "out of stock", "returned")


class Reader:
    """Finds each token of a prompt as likely as `scores` has it for a prompt that begins so; 1.0 below elsewhere."""

    def __init__(self, **scores: dict[str, float]) -> None:
        self.scores, self.asked = scores, list[str]()

    async def __call__(self, messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> Completion:
        (message,) = messages
        assert message.role == "prompt"
        assert isinstance(sampling, Decoding)
        assert sampling.prompt_logprobs
        self.asked.append(message.content)
        state = message.content.removeprefix("Where it is: ").split()[0]
        tokens = [piece for word in message.content.split(" ") for piece in (word, " ")][:-1]
        scores = self.scores.get(state, {})
        return Completion(
            "A", "stop", Usage(9, 1), 0.1, prompt_logprobs=[(token, scores.get(token, -1.0)) for token in tokens[1:]]
        )


async def test_only_what_was_said_is_weighed_not_the_text_before_it_nor_how_that_ends() -> None:
    ask = Reader(out={"sold": -0.2, "of": -9.0, "stock\nAll": -9.0}, returned={"sold": -3.0})
    found = await likelihoods(ask, " All are sold \n", "Where it is", STATES)
    assert ask.asked == [f"Where it is: {text}\nAll are sold" for text in STATES]
    assert found.logs == {"in stock": -4.0, "out of stock": -3.2, "returned": -6.0}
    assert len(found.calls) == 3


async def test_an_engine_that_tells_nothing_of_prompts_finds_all_texts_alike() -> None:
    async def ask(messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> Completion:
        return Completion("A", "stop", Usage(9, 1), 0.1)

    assert set((await likelihoods(ask, "All are sold", "Where it is", STATES)).logs.values()) == {0.0}


async def test_a_real_model_finds_what_was_said_likeliest_behind_what_it_is_about(smollm2: str) -> None:
    said = {
        "When I plug my phone in, it no longer charges.": "phone",
        "paper jam in the printer of the accounts office!!": "printer",
        "My laptop does not turn on since this morning.": "laptop",
    }
    async with open_engine(smollm2) as engine:
        for text, device in said.items():
            devices = ("laptop", "phone", "printer", "account")
            logs = (await likelihoods(engine.generate, text, "What it is about", devices)).logs
            assert max(logs, key=lambda one: logs[one]) == device
