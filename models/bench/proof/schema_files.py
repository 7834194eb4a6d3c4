"""Files of a folder, and the JSON Schemas in them.

Knows what files hold, in JSON or in YAML: a schema with tests (as MaskBench has), a list of those (as the JSON Schema
Test Suite has), of schemas or of tools, the description of an API, a bare schema. Checks none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from models.bench.proof.schema_trial import Case
from models.schema.collection import collected
from models.schema.document import unwrapped, without_keywords
from models.schema.schema_folder import FileFault, SchemaFile, SchemaFolder, read_file
from models.schema.vocabulary import ENFORCED


def read_folder(folder: Path, sample: int | None = None, seed: int = 0) -> list[Case]:
    """Every schema in every file of SUFFIXES below `folder`, in the order of their paths, also behind links; of
    `sample` files drawn at random, where there are more. Where `folder` is a file, those in it."""
    if folder.is_file():
        return [*_cases(SchemaFile.beside(folder))]
    whole = SchemaFolder(folder)
    files = sorted(whole.files())
    if sample is not None and sample < len(files):
        files = sorted(Random(seed).sample(files, sample))
    return [case for file in files for case in _cases(SchemaFile(file, whole))]


def _cases(file: SchemaFile) -> Iterator[Case]:
    path = file.name
    try:
        found = read_file(file.path)
    except FileFault as error:
        yield Case(path, f"{path} {error}.", [])
        return
    listed = found["tools"] if isinstance(found, dict) and found.keys() <= _TOOLS and "tools" in found else found
    if not isinstance(listed, list):
        yield from _of_one(found, path, file)
    elif not any(isinstance(group, dict) for group in listed):
        yield Case(path, f"{path} is a list without any schema.", [])
    else:
        for number, group in enumerate(listed):
            name = f"{path}[{number}]"
            told = _told(group) if isinstance(group, dict) else ""
            yield from _of_one(group, name, file, f"{name} {told}".rstrip())


_TOOLS = frozenset(("tools", "nextCursor", "_meta"))
"""What a server of MCP says when it is asked for its tools."""


def _told(group: dict[str, Any]) -> str:
    """What one of a list is called."""
    tool = group.get("function")
    return str((tool if isinstance(tool, dict) else group).get("name", group.get("description", "")))


def _of_one(found: Any, name: str, file: SchemaFile, title: str | None = None) -> Iterator[Case]:
    """The schema in one object, or each of a collection. `title`: what the case of one among others is called."""
    if isinstance(found, dict) and "schema" in found and (title or isinstance(found.get("tests"), list)):
        yield Case(title or name, _schema(found["schema"], name), _tests(found), file)
        return
    collection = collected(found) if isinstance(found, dict) else None
    if collection:
        yield from (Case(f"{name} {reference}", schema, [], file) for reference, schema in collection.items())
    elif title and isinstance(found, dict) and not found.keys() & ENFORCED and unwrapped(found)[0] is found:
        yield Case(name, f'{name} is no schema, no tool, and no object with a "schema".', [])
    elif isinstance(found, dict) and (names := without_keywords(found)):
        yield Case(name, f"{name} has no keyword of JSON Schema, but {', '.join(names[:5])}.", [])
    else:
        yield Case(title or name, _schema(found, name), [], file)


def _schema(found: Any, name: str) -> Any:
    return found if isinstance(found, dict | bool) else f"{name} is neither an object nor a truth value."


def _tests(group: dict[str, Any]) -> list[dict[str, Any]]:
    tests = group.get("tests")
    return [test for test in tests if isinstance(test, dict) and "data" in test] if isinstance(tests, list) else []
