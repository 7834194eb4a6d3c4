"""`interlock export` and `forget`: one customer's conversations, given out and taken away."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from command import interlock

from pipeline.chat.conversation_store import ConversationStore
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import Folder

WORD = "zanzibarian"


async def test_a_customer_is_given_out_and_forgotten(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    async with Journal.open(folder.journal) as journal:
        store = ConversationStore(journal)
        for owner, text in (("@ann", f"a {WORD} flight"), ("@ben", "a train")):
            await store.begin(await store.open(owner), text, None, date(2026, 11, 28))
    told = interlock("export", tmp_path, "--customer", "ann")
    assert [json.loads(line)["turns"][0]["text"] for line in told.stdout.splitlines()] == [f"a {WORD} flight"]
    with folder.locked():
        assert interlock("forget", tmp_path, "--customer", "ann").returncode == 2
    assert json.loads(interlock("forget", tmp_path, "--customer", "ann").stdout)["forgotten"] == 1
    assert not [path for path in tmp_path.iterdir() if WORD.encode() in path.read_bytes()]
    none = interlock("forget", tmp_path, "--customer", "ann")
    assert none.returncode == 2
    assert "'ann'" in none.stderr
    assert interlock("export", tmp_path, "--customer", "ben").returncode == 0
    assert "--customer" in interlock("forget", tmp_path).stderr
