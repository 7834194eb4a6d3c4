from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

from models.bench.proof.closing_trial import cost, schema_entries, within
from models.bench.proof.contest import entries, play
from models.engines.embedded import EmbeddedEngine

TINY = Path(__file__).parents[4] / "models" / "tiny"


async def test_answers_within_budgets_are_valid_and_none_is_closed_where_there_is_room(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"note": {"type": "string", "minLength": 60}}, "required": ["note"]}
    (tmp_path / "one.json").write_text(json.dumps(schema))
    (tmp_path / "none.json").write_text(json.dumps({"minimum": 5, "maximum": 3}))
    (entry,) = schema_entries(tmp_path, 8, 0)
    engine = await EmbeddedEngine.open(TINY, "tiny")
    try:
        for budget, outcome in ((8, "too_small"), (90, "valid")):
            counts = Counter[str]()

            async def one(*asked: object, budget: int = budget, counts: Counter[str] = counts) -> str:
                return await within(engine, budget, counts, *asked)  # type: ignore[arg-type]

            found = await play(one, [entry], 1.5, 4, 4, lambda: None)
            assert found == {outcome: 4}
            assert (counts["closed"] > 0) is (outcome == "valid")
        room = await cost(engine, entries(Random(1), 12, 4096), 1.0, 3, lambda: None)
        assert (room["pairs"], room["closed"], room["alike"]) == (3, 0, 3)
    finally:
        await engine.close()
