"""A journal, a pass over one record, and a shop to run batches in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pipeline_world import TODAY, Passing

from models.engines.profiles import VARIABLE
from pipeline import App, Journal, Run, Turn, load_app
from pipeline.durable.execution import Execution
from pipeline.events import Event
from pipeline.run.scope import RunContext


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def passing(journal: Journal, tmp_path: Path) -> Passing:
    """Start a pass over record "r1": the first one is new, a later one replays what the journal holds by then."""

    def start(text: str = "one lamp", told: list[Event] | None = None) -> Run:
        past = journal.past("r1")
        if past is None:
            journal.begin("r1", "[]", TODAY)
        tell = (lambda event: None) if told is None else told.append
        replay = Execution("r1", journal, TODAY, tmp_path, past, tell)
        return Run.begin(RunContext(replay), [Turn("customer", text)])

    return start


@pytest.fixture(autouse=True)
def _clerk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The clerk of the old folder was addressed as a copier; a new folder does so only if its profile says so."""
    if request.node.name.startswith("test_steps_have_the_names"):
        profiles = tmp_path.with_name(f"{tmp_path.name}.toml")
        profiles.write_text('[scripted]\nlayout = "copier"\n', encoding="utf-8")
        monkeypatch.setenv(VARIABLE, str(profiles))


@pytest.fixture(scope="session")
def shop() -> App:
    return load_app(str(Path(__file__).parent / "apps" / "shop.py"))
