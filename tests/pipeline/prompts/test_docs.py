"""docs/prompts.md lists the templates and holes that there are. `python test_docs.py` writes the table anew."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.prompts.templates import KINDS

DOCS = Path(__file__).parents[3] / "docs" / "prompts.md"
BEGIN, END = re.compile(r"<!-- made by [^>]+ -->\n"), "<!-- end -->"


def table() -> str:
    """Markdown: a row for each prompt with its files and holes, and one for each hole with what fills it."""
    rows = ["", "| files | what for | holes |", "|---|---|---|"]
    filled: dict[str, dict[str, None]] = {}
    for name, kind in KINDS.items():
        files = ", ".join(f"`{file}`" for file in kind.files(name))
        rows.append(f"| {files} | {kind.use} | {' '.join(f'`${hole}`' for hole in kind.holes)} |")
        for hole, told in kind.holes.items():
            filled.setdefault(hole, {})[told] = None
    rows += ["", "| hole | what fills it |", "|---|---|"]
    rows += [f"| `${hole}` | {'; or '.join(told)} |" for hole, told in filled.items()]
    return "\n".join([*rows, "", ""])


def shown(text: str) -> tuple[str, str, str]:
    """What stands before the table, in its place, and behind it."""
    begin = BEGIN.search(text)
    assert begin is not None
    before, rest = text[: begin.end()], text[begin.end() :]
    present, _, behind = rest.partition(END)
    return before, present, END + behind


def test_the_table_of_the_docs_is_that_of_the_code() -> None:
    assert shown(DOCS.read_text(encoding="utf-8"))[1] == table()


if __name__ == "__main__":
    before, _, behind = shown(DOCS.read_text(encoding="utf-8"))
    DOCS.write_text(before + table() + behind, encoding="utf-8")
