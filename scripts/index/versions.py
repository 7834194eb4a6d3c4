"""`interlock index versions` and `use`: which versions an index has, and which of them is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from index.storage.manifest import Manifest
from index.storage.versions import VersionedFolder
from scripts.console import console, finish, tell

IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")]


def versions(index: IndexArgument) -> None:
    """Show the versions of INDEX: each build makes one, the two latest and the one that was in use before stay."""
    folder = VersionedFolder(index)
    current = folder.current().version
    table = Table(title=Text(f"Versions of {index}"))
    for heading in ("Version", "Built", "Encoder", "Documents", "Passages", ""):
        table.add_column(heading)
    rows: list[dict[str, Any]] = []
    for number in folder.all():
        manifest = Manifest.read(folder.folder(number), folder.pointer_to(number).manifest)
        facts = {name: getattr(manifest, name) for name in ("version", "built", "encoder", "documents", "passages")}
        table.add_row(*(str(value) for value in facts.values()), "in use" if number == current else "")
        rows.append({**facts, "fingerprint": manifest.fingerprint, "current": number == current})
    console.print(table)
    finish(index=str(index), current=current, versions=rows)


def use(
    index: IndexArgument,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Its number, as `versions` shows it.")],
) -> None:
    """Make VERSION of INDEX the one that is searched, once every byte of it is what was written.

    The switch is one rename: who opens the index sees the old version or the new one. Who has it open keeps theirs.
    """
    folder = VersionedFolder(index)
    before = folder.current().version
    pointer = folder.pointer_to(version)
    manifest = Manifest.read(folder.folder(version), pointer.manifest)
    manifest.check(folder.folder(version), every_byte=True)
    folder.use(pointer)
    tell(f"Version {version} is in use ({manifest.encoder}); take it back with interlock index use {index} {before}.")
    finish(index=str(index), version=version, before=before, encoder=manifest.encoder)
