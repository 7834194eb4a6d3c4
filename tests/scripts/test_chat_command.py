"""`interlock chat` on the shipped model: a story through pipes, a terminal, Ctrl-C, and going on another day."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import COMMAND, QUIET, ROOT, SAMPLE

from scripts.main import main

APPS = ROOT / "tests" / "pipeline" / "apps"
DAY = ("--today", "2026-11-23")


def chat(said: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "chat", *DAY, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=QUIET, input=said, capture_output=True, text=True, timeout=200, check=False
    )


def test_an_answer_quotes_its_source_and_tells_how_it_came_about(tmp_path: Path) -> None:
    told = chat("Can I bring my dog on the plane?\n/why\n", "-o", tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Traceback" not in told.stderr
    quote, document = re.findall(r"^(.+)\n  — (\S+\.md)", told.stdout, re.MULTILINE)[0]
    assert quote in " ".join((SAMPLE / "knowledge" / Path(document).name).read_text().split())
    assert re.search(r"gate: \w+, decided by \w+ \(\w+ \d+\.\d%", told.stdout)
    for seen in ("retrieve", "evidence:", " ms"):
        assert seen in told.stdout
    assert "thinking" not in told.stdout


def test_an_open_question_is_answered_by_number_in_another_process(tmp_path: Path) -> None:
    asked = chat("tell me which\n", "--app", APPS / "shop.py", "-o", tmp_path)
    assert "Which item?\n  1. lamp\n  2. chair\n" in asked.stdout
    (id,) = re.findall(r"--continue (\w+)", asked.stderr)
    answered = chat("/nonsense\n7\n2\n/new\n/why\n", "--app", APPS / "shop.py", "-o", tmp_path, "--continue", id)
    assert 'I did not understand "7". Which item?' in answered.stdout
    assert answered.stdout.startswith("customer: tell me which\nassistant: Which item?\n")
    assert "/why, /new, /quit" in answered.stdout
    assert answered.stdout.endswith(
        "✓ sell: done\nsold chair for 9.90\n› /new\nA new conversation.\n› /why\nNothing was answered yet.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--continue", "last"], "give -o FOLDER"),
        (["-o", "{out}", "--continue", "nothing", "--app", str(APPS / "shop.py")], "no conversation 'nothing'"),
        (["-o", "{out}", "--continue", "last", "--app", str(APPS / "shop.py")], "begin one without --continue"),
        (["--today", "someday"], "is not a day"),
        (["--app", "nothing.py"], "There is no file"),
    ],
)
def test_what_a_user_may_get_wrong_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["chat", *(argument.format(out=tmp_path) for argument in arguments)])
    assert left.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_model_may_be_asked_although_the_encoder_is_sure(tmp_path: Path, random_model: Path) -> None:
    lamps = ("--app", APPS / "lamps.py", "--model", random_model)
    sure = "I want to buy a lamp, two desk lamps please\n/why\n"
    for mode, by in (("cascade", "encoder"), ("model", "model")):
        told = chat(sure, *lamps, "--gate", mode, "-o", tmp_path / mode)
        assert f", decided by {by} (" in told.stdout, told.stderr


class Terminal:
    """A process whose input and output is a terminal of its own."""

    def __init__(self, *arguments: str | Path) -> None:
        self.master, slave = pty.openpty()
        environment = {**QUIET, "TERM": "xterm", "LINES": "40"}
        self.process = subprocess.Popen(
            [*COMMAND, "chat", *DAY, *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def expect(self, text: str) -> None:
        """Read on until something is shown; what came before is forgotten."""
        end = time.monotonic() + 100
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            self.read()
        self.seen = self.seen.partition(text)[2]

    def read(self) -> bool:
        """Take what is shown; whether there may be more."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                self.seen += os.read(self.master, 65_536).decode(errors="replace")
            except OSError:  # the process has ended
                return False
        return self.process.poll() is None

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def left(self) -> int:
        while self.read():
            pass
        self.read()
        os.close(self.master)
        return self.process.wait(30)


def test_a_terminal_shows_what_goes_on_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    terminal = Terminal("--app", APPS / "slow.py", "-o", tmp_path)
    terminal.expect("Ctrl-C stops an answer.")
    terminal.type("something slow\n")
    terminal.expect("· Pondering…")
    terminal.expect("ponder…")
    terminal.process.send_signal(signal.SIGINT)
    terminal.expect("Stopped.")
    terminal.expect("› ")
    terminal.type("quick\n")
    terminal.expect("You said: quick")
    terminal.process.send_signal(signal.SIGINT)
    terminal.expect("Ctrl-C again leaves.")
    terminal.type("slow again\n")
    terminal.expect("· Pondering…")
    terminal.process.send_signal(signal.SIGINT)
    terminal.expect("Stopping; Ctrl-C again leaves.")  # two signals that are not heard apart are one
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.left() == 130
    assert "Traceback" not in terminal.seen
    assert "--continue" in terminal.seen
