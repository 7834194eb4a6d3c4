"""The documentation holds together: it builds, its links lead somewhere, and it names what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import interlock
from pipeline.outcome import Receipt

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def links(page: Path) -> Iterator[str]:
    """The addresses of a page's links and pictures."""
    for block in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        for token in block.children or ():
            address = token.attrs.get("href") or token.attrs.get("src")
            if address:
                yield str(address)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as they are made of their words."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something_in_the_repository(page: Path) -> None:
    for address in links(page):
        if "://" in address or address.startswith("mailto:"):
            continue
        path, _, anchor = address.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), address
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), address


def test_it_builds_with_the_api_of_every_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    page = (tmp_path / "site/api.html").read_text(encoding="utf-8")
    shown = {name.rpartition(".")[2] for name in re.findall(r'<h3 id="([\w.]+)"', page)}
    assert set(interlock.__all__) <= shown


def test_which_command_when_has_every_command() -> None:
    from scripts.main import app

    page = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    for name in names - {"train-tiny"}:  # makes the model that ships here, and is of no use to anybody else
        assert f"`interlock {name}" in page or f"`{name}`" in page, name


def test_every_key_of_a_receipt_is_explained() -> None:
    page = (ROOT / "docs/output.md").read_text(encoding="utf-8")
    assert not [name for name in Receipt.__dataclass_fields__ if f"`{name}`" not in page and name != "unserved"]
