"""The report of `interlock bench decode`: a table, PNG files, and one HTML page that holds them and the table.

Knows bench.json and headings; the figures are models/bench/throughput's. The page stands alone: its pictures are
inside it.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from scripts.bench.picture import AMBER, BLUE, GREEN, GREY, picture

COLUMNS = {
    "form": "form",
    "at once": "concurrency",
    "variant": "variant",
    "tok/s": "tok_per_s",
    "records/s": "records_per_s",
    "tokens": "tokens_per_answer",
    "steps/token": "steps_per_token",
    "accepted": "accepted",
    "drafted": "drafted",
    "TTFT ms": "ttft_p50_ms",
    "ITL p50": "itl_p50_ms",
    "p99": "itl_p99_ms",
    "valid": "valid",
    "of": "answers",
}
"""Heading → key of a cell in bench.json."""

COLOURS = {"free": GREY, "constrained": BLUE, "jump-forward": GREEN, "outlines": AMBER}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111827}}
img{{max-width:100%}}table{{border-collapse:collapse;font-size:.85rem}}td,th{{padding:.25rem .6rem;text-align:right;
border-bottom:1px solid #e5e7eb}}</style>
<h1>{title}</h1><p>{machine}</p>{pictures}<table><tr>{headings}</tr>{rows}</table></html>
"""


def decode_table(summary: dict[str, Any]) -> Table:
    """One line a cell; empty where nothing was measured."""
    table = Table(title=f"Decoding, {summary['model']}, medians; latencies from streamed rounds")
    for heading in COLUMNS:
        left = heading in ("form", "variant")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in summary["cells"]:
        table.add_row(*(str(row.get(key, "")) for key in COLUMNS.values()))
    return table


def write_plots(summary: dict[str, Any], out: Path) -> list[Path]:
    """Write throughput.png, latency.png and report.html to the folder `out`; nothing where nothing was measured."""
    cells: list[dict[str, Any]] = summary["cells"]
    if not cells:
        return []
    pictures = [
        _plot(cells, out / "throughput.png", "tok_per_s", "output tokens per second", summary["model"]),
        _plot(cells, out / "latency.png", "itl_p99_ms", "time between chunks, p99, ms", summary["model"]),
    ]
    page = out / "report.html"
    page.write_text(_page(summary, pictures), encoding="utf-8")
    return [*pictures, page]


def _plot(cells: Sequence[dict[str, Any]], path: Path, key: str, label: str, model: str) -> Path:
    forms = list(dict.fromkeys(cell["form"] for cell in cells))
    with picture(path, len(forms), 4.5 * len(forms), 4, model) as plots:
        for place, form in zip(plots, forms, strict=True):
            for variant in dict.fromkeys(cell["variant"] for cell in cells):
                found = [cell for cell in cells if cell["form"] == form and cell["variant"] == variant and key in cell]
                at = [cell["concurrency"] for cell in found]
                place.plot(at, [cell[key] for cell in found], marker="o", label=variant, color=COLOURS.get(variant))
                if key == "tok_per_s":
                    low, high = [cell["slowest"] for cell in found], [cell["fastest"] for cell in found]
                    place.fill_between(at, low, high, alpha=0.15, color=COLOURS.get(variant))
            place.set(title=form, xlabel="requests at once", ylabel=label, xscale="log", ylim=(0, None))
            place.set_xticks(sorted({cell["concurrency"] for cell in cells}))
            place.get_xaxis().set_major_formatter("{x:.0f}")
            place.minorticks_off()
            place.grid(alpha=0.25)
        plots[0].legend(fontsize="small")
    return path


def _page(summary: dict[str, Any], pictures: Sequence[Path]) -> str:
    machine = summary["machine"]
    gpus = ", ".join(gpu["name"] for gpu in machine["gpus"]) or "no GPU"
    versions = ", ".join(f"{name} {machine[name]}" for name in ("vllm", "torch", "llguidance") if machine.get(name))
    inside = "".join(
        f'<p><img alt="{path.stem}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"></p>'
        for path in pictures
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell.get(key, '')))}</td>" for key in COLUMNS.values()) + "</tr>"
        for cell in summary["cells"]
    )
    return PAGE.format(
        title=html.escape(f"Decoding, {summary['model']}"),
        machine=html.escape(f"{machine['cpu']}, {machine['cores']} cores, {gpus}; {versions}"),
        pictures=inside,
        headings="".join(f"<th>{html.escape(heading)}</th>" for heading in COLUMNS),
        rows=rows,
    )
