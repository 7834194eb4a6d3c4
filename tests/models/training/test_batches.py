"""Training batches: which tokens count, and that the same seed gives the same batches, whoever makes them."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest
import torch
from tokenizers import Tokenizer

from models.engines.engine import Message
from models.training import utterances
from models.training.batches import LENGTHS, Batches, collate, encode, load
from models.training.exercise import Exercise
from models.training.tokenizer import ASSISTANT, END, PAD_ID, train_tokenizer


def generated(seed: int) -> Iterator[Exercise]:
    return utterances.exercises(random.Random(seed))


def render(exercise: Exercise) -> Sequence[Message]:
    fields = "\n".join(f"{name}: {hint}" for name, hint in exercise.fields.items())
    return [Message("system", fields), Message("user", "\n".join(text for _, text in exercise.turns))]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    examples = islice(generated(1), 1000)
    return train_tokenizer([text for e in examples for text in (render(e)[0].content, *(t for _, t in e.turns))], 1000)


def batches(tokenizer: Tokenizer, seed: int = 3) -> Batches:
    return Batches(generated, render, tokenizer, 2048, 0.1, seed)


def test_tokens_are_those_of_each_piece_of_the_chat_template_alone(tokenizer):
    exercises = list(islice(generated(2), 300))
    for exercise, (ids, prompt, own) in zip(exercises, encode(exercises, render, tokenizer), strict=True):
        fragments = [part for m in render(exercise) for part in (f"<|{m.role}|>", m.content)]
        expected = [n for fragment in (*fragments, ASSISTANT) for n in tokenizer.encode(fragment).ids]
        assert ids[:prompt] == expected
        assert ids[prompt:] == tokenizer.encode(exercise.target()).ids + tokenizer.encode(END).ids
        assert len(own) == len(ids) - prompt


def test_the_model_practises_values_and_not_the_names_that_the_grammar_writes(tokenizer):
    exercise = Exercise({"to": "Where?", "day": "When?"}, (("customer", "to Bali"),), {"to": "Bali", "day": None})
    [(ids, _, own)] = encode([exercise], render, tokenizer)
    answer = tokenizer.encode(exercise.target())
    skipped = {
        n for (start, end), mine in zip(answer.offsets, own, strict=False) if not mine for n in range(start, end)
    }
    assert "".join(exercise.target()[n] for n in sorted(skipped)) == "today"  # "to" and "day"
    assert own[-1]
    assert ids[-1] == tokenizer.token_to_id(END)


def test_every_token_of_the_answers_counts_and_a_share_of_the_prompts(tokenizer):
    rows = [row for row in encode(list(islice(generated(4), 200)), render, tokenizer) if len(row[0]) <= 321]
    batch = collate(rows, 320, 0.1, torch.Generator().manual_seed(0))
    own = [token for ids, prompt, mine in rows for token, is_mine in zip(ids[prompt:], mine, strict=True) if is_mine]
    assert batch.targets[batch.output == 1].tolist() == own
    in_prompts = sum(prompt - 1 for _, prompt, _ in rows)
    assert 0.08 < (batch.output == 0).sum() / in_prompts < 0.12
    assert PAD_ID not in batch.targets
    for n in (0, 17, len(batch.places) - 1):
        row, column = divmod(int(batch.places[n]), 320)
        assert rows[row][0][column + 1] == batch.targets[n]


def test_a_batch_holds_rows_of_like_length(tokenizer):
    for batch in islice(batches(tokenizer), 20):
        rows, length = batch.ids.shape
        assert length in LENGTHS
        assert rows == 2048 // length


def test_two_workers_give_the_batches_of_their_two_seeds_in_turn(tokenizer):
    loader = load(batches(tokenizer), workers=2, pin=False)
    alone = [iter(batches(tokenizer)), iter(batches(tokenizer, seed=1003))]
    for n in range(6):
        ours, theirs = next(loader), next(alone[n % 2])
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
