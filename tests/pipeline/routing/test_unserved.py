"""What a message asks for besides, and nobody serves, is said: in the answer, the result and the receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pipeline_world import TODAY, lines, write_requests

from index import Embedder
from pipeline import App, Equipment, Escalation, Journal, Run, read_requests, run_batch, workflow
from pipeline.outcome import Ending, Outcome
from pipeline.runtime.messages import endings
from pipeline.runtime.receipt import receipt
from scripts.record_tree import record_tree


@workflow(
    intent="reset_password",
    examples=["reset my password", "I forgot my password", "please reset the password of user anna"],
)
async def reset(run: Run) -> str:
    """Reset the password of a user."""
    return f"reset for {await run.ask('Which user?')}"


@workflow(
    intent="order", examples=["I need a new laptop", "order two monitors", "I would like a headset", "we need a mouse"]
)
async def order(run: Run) -> str:
    """Order equipment."""
    return await run.ask("Which size?", choices=["small", "large"]) if "laptop" in run.text else "ordered"


@workflow(
    intent="policy",
    examples=["how long are mails kept?", "what is the rule for private phones?", "may I install software myself?"],
)
async def policy(run: Run) -> str:
    """Answer a question about the rules."""
    return "30 days"


@workflow(intent="complain", examples=["your service is terrible", "I am angry with you", "this is a disgrace"])
async def complain(run: Run) -> Escalation:
    """Complain about us."""
    return Escalation("care", run.text)


OFF = ["Tell me a joke", "Who won the match?", "sing me a song", "what is the weather like?"]
APP = App("desk", [reset, order, policy, complain], out_of_scope="Only the desk's matters.", out_of_scope_examples=OFF)
RESET = "please reset the password for user mueller"


async def served(embedder: Embedder, folder: Path, text: str, *answers: str) -> dict[str, Any]:
    source, out = write_requests(folder / "in.jsonl", {"a": text}), folder / "out"
    for answer in ("", *answers):
        if answer:
            async with Journal.open(out / "journal.sqlite") as journal:
                await journal.answer("a", answer)
        await run_batch(APP, read_requests(source), out, Equipment(embedder=embedder), today=TODAY)
    (row,) = lines(out / "results.jsonl")
    return row


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


@pytest.mark.parametrize(
    ("text", "answers", "intent", "left"),
    [
        (f"how long are recordings kept? and also {RESET}", [], "policy", [RESET]),
        (f"What is the weather like? And {RESET}", ["mueller"], "reset_password", ["What is the weather like?"]),
        (
            "reset my password",
            ["4711, and also may I install software?"],
            "reset_password",
            ["may I install software?"],
        ),
        ("I need a laptop", ["how long are mails kept here?"], "policy", ["I need a laptop"]),
        ("I need a laptop", ["no, I meant how long are mails kept here?"], "policy", []),
        ("How long are mails kept? I ask because my boss wants to know. Thank you very much!", [], "policy", []),
        ("I am angry with you, and I want to speak to a manager", [], "complain", []),
        ("please reset my password, order a monitor", ["anna"], "reset_password", ["order a monitor"]),
        ("I want a headset as well as a password reset", ["order equipment"], "order", ["a password reset"]),
        ("reset my password", ["I need a headset, 1 piece", "yes"], "order", ["reset my password"]),
        ("reset my password", ["I need a headset, 1 piece", "no"], "reset_password", []),
    ],
)
async def test_no_wish_is_dropped_in_silence(
    embedder: Embedder, tmp_path: Path, text: str, answers: list[str], intent: str, left: list[str]
) -> None:
    row = await served(embedder, tmp_path, text, *answers)
    assert (row["intent"], row.get("unserved", []), row["receipt"].get("unserved", [])) == (intent, left, left)
    async with Journal.open(tmp_path / "out/journal.sqlite") as journal:
        steps = [step.name for step in journal.steps("a")]
    assert ("unserved" in steps) == bool(left)


@pytest.mark.parametrize(
    ("text", "answer", "question"),
    [
        (
            "reset my password",
            "I need a headset, 1 piece",
            'You wrote "I need a headset, 1 piece": do you want to order equipment instead?',
        ),
        (
            "reset my password",
            "cancel it please",
            'You wrote "cancel it please": shall I stop here, and do nothing more?',
        ),
        (
            "I need a laptop",
            "actually, cancel my order",
            'You wrote "actually, cancel my order": shall I stop here, and do nothing more?',
        ),
    ],
)
async def test_a_whole_wish_is_taken_for_an_answer_only_if_the_customer_says_so(
    embedder: Embedder, tmp_path: Path, text: str, answer: str, question: str
) -> None:
    row = await served(embedder, tmp_path, text, answer)
    assert (row["status"], row["question"]["text"], row["question"]["choices"]) == (
        "needs_input",
        question,
        ["yes", "no"],
    )


@pytest.mark.parametrize("again", ["yes", "yes please", "cancel it"])
async def test_a_request_that_is_taken_back_ends(embedder: Embedder, tmp_path: Path, again: str) -> None:
    row = await served(embedder, tmp_path, "I need a laptop", "actually, cancel my order", again)
    assert (row["status"], row["message"]) == ("completed", "Nothing was done.")


async def test_a_no_goes_back_to_the_question(embedder: Embedder, tmp_path: Path) -> None:
    row = await served(embedder, tmp_path, "I need a laptop", "cancel it", "no", "small")
    assert (row["status"], row["message"]) == ("completed", "small")


@pytest.mark.parametrize(
    ("both", "order"),
    [
        ("both", ["reset_password", "order"]),
        ("Both of them, please", ["reset_password", "order"]),
        ("2 and 1", ["order", "reset_password"]),
        ("order equipment, then reset the password of a user", ["order", "reset_password"]),
    ],
)
async def test_both_of_two_that_the_gate_asks_about_are_served(
    embedder: Embedder, tmp_path: Path, both: str, order: list[str]
) -> None:
    asked = await served(embedder, tmp_path, "mouse and password")
    assert asked["question"]["choices"] == ["reset the password of a user", "order equipment"]
    row = await served(embedder, tmp_path, "mouse and password", both, "anna")
    assert [(part["intent"], part["message"]) for part in row["parts"]] == [
        (intent, {"order": "ordered", "reset_password": "reset for anna"}[intent]) for intent in order
    ]
    assert (row["status"], row["intent"], "unserved" in row) == ("completed", order[0], False)
    assert [gate["by"] for gate in row["receipt"]["routed"]] == ["customer", "customer"]


async def test_the_second_of_both_waits_while_the_first_asks(embedder: Embedder, tmp_path: Path) -> None:
    row = await served(embedder, tmp_path, "mouse and password", "both")
    assert [(part["intent"], part["status"]) for part in row["parts"]] == [
        ("reset_password", "needs_input"),
        ("order", "pending"),
    ]


def test_the_answer_says_what_was_not_dealt_with() -> None:
    outcome = Outcome(
        "a",
        "policy",
        Ending("completed", message="30 days."),
        receipt([], engine=None, decisions=[], index=None, unserved=[RESET]),
        unserved=(RESET,),
    )
    answered, _ = endings(outcome, [])
    assert answered.text == (
        f'30 days. You also wrote "{RESET}": that was not dealt with. Please ask for it by itself.'
    )


async def test_inspect_shows_it(embedder: Embedder, tmp_path: Path) -> None:
    await served(embedder, tmp_path, f"how long are recordings kept? and also {RESET}")
    async with Journal.open(tmp_path / "out/journal.sqlite") as journal:
        tree, _ = record_tree(journal, "a")
    assert f"not dealt with: {RESET}" in [str(branch.label) for branch in tree.children]
