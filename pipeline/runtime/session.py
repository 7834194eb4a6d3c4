"""Session: a process at work in a folder of results: its lock, journal, manifest, and the pipeline that serves there.

The one way to open a folder in order to work in it. Knows what has to come before what; neither where records come from
nor what is made of their outcomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path

from pipeline.app import App
from pipeline.events import Listener
from pipeline.journal.journal import Journal
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.folder import Folder
from pipeline.runtime.launch import Launch
from pipeline.runtime.manifest import manifest_of
from pipeline.runtime.pipeline import Pipeline
from pipeline.runtime.trust import told


class Session:
    """Make it with `Session.open`: from then on the folder is this process's own, and its journal can be read.

    `begin` makes sure that the folder goes on as it began, and opens what serves in it.
    """

    def __init__(self, app: App, folder: Folder, journal: Journal) -> None:
        self.app = app
        self.folder = folder
        self.journal = journal
        self._begun = False

    @classmethod
    @asynccontextmanager
    async def open(cls, app: App, out: Path) -> AsyncIterator[Session]:
        """The folder, made if it is not there, for the length of a block.

        UsageError for one that is in use or cannot be worked in (`Folder.make`), JournalError for a journal that
        cannot be opened.
        """
        folder = Folder(out)
        await asyncio.to_thread(folder.make)
        with folder.locked():
            async with Journal.open(folder.journal) as journal:
                session = cls(app, folder, journal)
                try:
                    yield session
                finally:
                    if session._begun:
                        journal.end_run()

    async def begin(
        self,
        equipment: Equipment,
        launch: Launch,
        *,
        today: date | None = None,
        day: date | None = None,
        state: Path | None = None,
        accept_changes: bool = False,
        listeners: Sequence[Listener] = (),
        progress: Callable[[str], None] = lambda text: None,
    ) -> Pipeline:
        """What serves in the folder, from now on and with these parts. To be called once.

        `today`: the day that the folder is of; a folder keeps that of its first run. `day`: the one that is worked on
        where each record is of its own; by default the folder's. `state`: the folder of the app's own files, prepared
        already, when others share it; by default this one, prepared here. `accept_changes` goes on although the folder
        was made with something else, and records it. The others as for `Pipeline.open`.

        UsageError, with nothing changed, for another day, or for a folder that was made with something else.
        """
        manifest = manifest_of(self.app, equipment, launch, today).agreed(self.folder.path, today, accept_changes)
        engine = equipment.engine
        trusted = engine is not None and manifest.lets_choose(engine.profile)
        if note := told(self.app, engine, launch, trusted):
            progress(note)
        pipeline = await Pipeline.open(
            self.app,
            self.journal,
            self.folder.path if state is None else state,
            day or date.fromisoformat(manifest.today),
            equipment,
            launch,
            prepared=state is not None,
            listeners=listeners,
            progress=progress,
            fitted=manifest.fitted,
            trusted=trusted,
        )
        manifest.write(self.folder.path)  # not before all is open: a folder in which nothing was begun binds nobody
        await self.journal.begin_run(asdict(manifest))
        self._begun = True
        return pipeline
