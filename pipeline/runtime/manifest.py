"""Manifest: what a folder of results was made with, so that it is only ever continued by the same, or knowingly not."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines.engine import Engine, Sampling, dtype_of
from models.engines.profiles import Profile
from pipeline.errors import UsageError
from pipeline.files import write_lines
from pipeline.prompts.copier import COPIER_HASH
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.launch import Launch
from pipeline.runtime.trust import trusts

if TYPE_CHECKING:
    from index.retriever import Retriever
    from pipeline.app import App

FILENAME = "manifest.json"
_SPOKEN = {
    "app": "the app",
    "source": "the app's source",
    "model": "the model",
    "identity": "the model's weights",
    "second": "the second model",
    "enforcement": "the enforcement",
    "contracts": "the contract",
    "prompts": "the prompts",
    "index": "the index",
    "sampling": "the sampling",
    "dtype": "the dtype",
    "trusted": "the trust in the model",
}


@dataclass(frozen=True)
class Manifest:
    """`today` is an ISO date, fixed by the first run; `contracts` maps names to hashes.

    `launch` says how a command started the last run, for commands that go on with the folder; it may differ from run
    to run.
    `accepted` lists the changes that somebody went on with: when, and what was before and after.
    `shards`: how many folders the records were dealt to; 0 for a run in this one.
    `spaced`: whether grammars have blanks where a model's profile asks for them, and prompts the layout that it wants;
    folders from before there was a choice have compact ones, laid out for a copier, to their end. `trusted`: whether
    the model may choose; None in folders from before that was a question, where its profile says so. `dtype`: what
    the model computes in; "" where the engine does not tell, and in folders from before that was noted. `nearest`:
    whether a model that quotes worse than the encoder is given the encoder's sentence; in folders from before it was,
    it quotes by itself to their end.
    """

    app: str
    source: str
    model: str
    identity: str
    second: str | None
    contracts: Mapping[str, str]
    prompts: str
    index: str | None
    sampling: Mapping[str, Any]
    today: str
    enforcement: str
    launch: Launch
    accepted: Sequence[Mapping[str, Any]] = ()
    interlock: str = ""
    shards: int = 0
    spaced: bool = False
    trusted: bool | None = None
    dtype: str = ""
    nearest: bool = False

    def fitted(self, profile: Profile) -> Profile:
        """A model's profile as this folder wants it."""
        if not self.spaced:
            profile = replace(profile, spaced=False, layout="copier", sure=0.0, calibrates=False)
        return profile if self.nearest else replace(profile, quotes=True)

    def lets_choose(self, profile: Profile) -> bool:
        """Whether a model with this profile may choose here."""
        return profile.decides if self.trusted is None else self.trusted

    def settle(self, folder: Path, today: date | None, accept_changes: bool = False) -> Manifest:
        """The manifest that holds in `folder` from now on, as `agreed` has it; written. Raises as that."""
        manifest = self.agreed(folder, today, accept_changes)
        manifest.write(folder)
        return manifest

    def agreed(self, folder: Path, today: date | None, accept_changes: bool = False) -> Manifest:
        """The manifest for the next work in `folder`: this one, with the day of the folder's first run.

        UsageError, with nothing changed, if the folder was made with anything else, unless the changes are accepted;
        and for another day in any case.
        """
        path = folder / FILENAME
        fresh = replace(self, interlock=_version())
        if path.exists():
            earlier = read_manifest(folder)
            if today is not None and today.isoformat() != earlier.today:
                raise UsageError(f"{folder} was made for {earlier.today}, not for {today}: use a new folder.")
            if not earlier.spaced:
                fresh = replace(fresh, prompts=COPIER_HASH)
            asked = self.launch.trust is not None or self.launch.gate == "model"
            if not asked and self.identity == earlier.identity:  # begun one way, it goes on that way
                fresh = replace(fresh, trusted=earlier.trusted)
            changes = list(_changes(earlier, fresh))
            if changes and not accept_changes:
                told = "; ".join(f"{what}: {was} → {now}" for what, was, now in changes)
                raise UsageError(
                    f"{folder} was made with something else ({told}): use a new folder, the same as before, or go on"
                    " with --accept-changes."
                )
            accepted = [*earlier.accepted]
            if changes:
                accepted.append({"at": datetime.now(UTC).isoformat(timespec="seconds"), "changes": changes})
            fresh = replace(fresh, today=earlier.today, accepted=accepted)
            fresh = replace(fresh, spaced=earlier.spaced, nearest=earlier.nearest)
            if not self.launch.app:  # a program goes on with what a command has started
                fresh = replace(fresh, launch=earlier.launch)
        return fresh

    def write(self, folder: Path) -> None:
        """Let it hold in `folder` from now on."""
        if not (folder / FILENAME).exists() or read_manifest(folder) != self:
            write_lines(folder / FILENAME, [json.dumps(asdict(self), indent=2, ensure_ascii=False)])


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder of results. UsageError if there is none that can be read."""
    path = folder / FILENAME
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        # Earlier versions had fewer options, and wrote none at all for a run that no command had started.
        manifest = Manifest(**{**values, "launch": Launch(**values["launch"])})
        date.fromisoformat(manifest.today)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} cannot be read as a manifest ({error}): use a new folder.") from error
    return manifest


def read_launch(folder: Path) -> Launch:
    """How a command started the last run of a folder. UsageError if none did."""
    manifest = read_manifest(folder)
    if not manifest.launch.app:
        raise UsageError(f"{folder} does not say how it was run: run it again with `interlock run`.")
    # A program may have gone on with another seed since.
    return replace(manifest.launch, seed=manifest.sampling["seed"])


def index_identity(retriever: Retriever) -> str:
    """Sixteen hexadecimal digits that change when the documents, the encoder or the chunker of an index do."""
    manifest = retriever.index.manifest
    facts = json.dumps([manifest.fingerprint, manifest.content, dict(manifest.chunker)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def source_hash(app: App) -> str:
    """Sixteen hexadecimal digits over the Python files of an app: those of its package, or its one file."""
    files: set[Path] = set()
    for workflow in app.workflows:
        path = Path(inspect.getsourcefile(workflow.body) or "")
        package = (path.parent / "__init__.py").is_file()
        files |= set(path.parent.rglob("*.py")) if package else {path}
    hashed = hashlib.sha256()
    for path in sorted(files):
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()[:16]


def prompts_hash(app: App, engines: Sequence[Engine | None]) -> str:
    """What the models of a run are told, as hexadecimal digits; of a second model only if it is told something else."""
    own = [workflow.instructions for workflow in app.workflows]
    profiles = [engine.profile for engine in engines if engine is not None]
    prompts = app.wording()
    hashes = [prompts.hash(profile, own) for profile in profiles] or [prompts.hash(None)]
    return " ".join(dict.fromkeys(hashes))


def manifest_of(app: App, equipment: Equipment, launch: Launch, today: date | None = None) -> Manifest:
    """What a run would be made with now."""
    engine, second, retriever = equipment.engine, equipment.second, equipment.retriever
    return Manifest(
        app=app.name,
        source=source_hash(app),
        model=engine.name if engine else "none",
        identity=engine.identity if engine else "none",
        second=f"{second.name} {second.identity}" if second else None,
        contracts=app.contracts,
        prompts=prompts_hash(app, [engine, second]),
        index=None if retriever is None else index_identity(retriever),
        sampling={**asdict(Sampling()), "seed": launch.seed},
        today=(today or date.today()).isoformat(),
        enforcement=engine.enforcement if engine else "none",
        launch=launch,
        spaced=True,
        trusted=trusts(app, engine, launch),
        dtype=dtype_of(engine),
        nearest=True,
    )


def _changes(was: Manifest, now: Manifest) -> Iterator[tuple[str, Any, Any]]:
    """What differs, in words; of mappings only the entries that do."""
    for name, spoken in _SPOKEN.items():
        old, new = getattr(was, name), getattr(now, name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            yield from ((f"{spoken} {key}", old.get(key), new.get(key)) for key in keys)
        elif old != new and (name != "dtype" or (old and new)):
            yield spoken, old, new


def _version() -> str:
    try:
        return version("interlock")
    except PackageNotFoundError:
        return ""
