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

from rich.markup import escape
from rich.table import Table

from models.bench.throughput.load import Load
from scripts.bench.picture import AMBER, BLUE, GREEN, GREY, picture

COLUMNS = {
    "form": "form",
    "load": "load",
    "variant": "variant",
    "tok/s": "output_throughput",
    "95 %": "interval",
    "req/s": "request_throughput",
    "goodput": "request_goodput",
    "tok/s a GPU": "output_throughput_per_gpu",
    "J/token": "joules_per_token",
    "tokens": "tokens_per_answer",
    "steps/token": "steps_per_token",
    "accepted": "accepted",
    "drafted": "drafted",
    "valid": "valid",
    "of": "constrained",
    "failed": "failed",
}
"""Heading → key of a cell in bench.json, or of what `_cell` adds."""

POINTS = ("p50", "p90", "p95", "p99")
LATENCIES = {"TTFT": "ttft", "TPOT": "tpot", "ITL": "itl", "E2EL": "e2el"}

COLOURS = {"free": GREY, "constrained": BLUE, "jump-forward": GREEN, "outlines": AMBER}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111827}}
img{{max-width:100%}}table{{border-collapse:collapse;font-size:.85rem}}td,th{{padding:.25rem .6rem;text-align:right;
border-bottom:1px solid #e5e7eb}}</style>
<h1>{title}</h1><p>{machine}</p>{pictures}{rates}<table><tr>{headings}</tr>{rows}</table></html>
"""


def decode_table(summary: dict[str, Any]) -> Table:
    """One line a cell. The interval is over rounds, by Student's t; goodput is shown where a service level was set."""
    shown = [heading for heading in COLUMNS if heading != "goodput" or summary["slo"]]
    table = Table(title=f"Decoding, {summary['model']}, medians of rounds")
    for heading in shown:
        left = heading in ("form", "load", "variant")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in map(_cell, summary["cells"]):
        table.add_row(*(escape(row[COLUMNS[heading]]) for heading in shown))
    return table


def latency_table(summary: dict[str, Any]) -> Table:
    """One line a cell that was streamed: p50, p90, p95 and p99 of each latency, in ms."""
    table = Table(title=f"Latencies in ms, {' / '.join(POINTS)}; ITL is a token's")
    for heading in ("form", "load", "variant", *LATENCIES):
        table.add_column(heading, justify="right" if heading in LATENCIES else "left", no_wrap=True)
    for row in summary["cells"]:
        if "p50_e2el_ms" in row:
            given = _cell(row)
            figures = (
                " / ".join(_ms(row[f"{point}_{name}_ms"]) for point in POINTS if f"{point}_{name}_ms" in row)
                for name in LATENCIES.values()
            )
            table.add_row(escape(given["form"]), given["load"], given["variant"], *figures)
    return table


def rate_table(summary: dict[str, Any]) -> Table:
    """The highest rate within the service level, a line for each that was searched."""
    table = Table(title=_rates_title(summary))
    for heading in RATES:
        table.add_column(heading, no_wrap=True)
    for row in _rates(summary):
        table.add_row(*map(escape, row))
    return table


def rate_shown(rate: float | str | None) -> str:
    """A highest rate in words: "inf" is that of all requests at once, None that no rate kept the level."""
    return "none within it" if rate is None else "all at once" if rate == "inf" else f"{rate:g} requests a second"


RATES = ("form", "load", "variant", "highest rate", "capacity")


def _rates_title(summary: dict[str, Any]) -> str:
    level = ", ".join(f"{name} {limit:g} ms" for name, limit in summary["slo"].items())
    return f"Highest rates at which {summary['slo_share']:.0%} of the requests keep {level}"


def _rates(summary: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            row["form"],
            str(Load(row["max_concurrency"], mix=row["mix"])) if row["max_concurrency"] or row["mix"] != 1 else "",
            row["variant"],
            rate_shown(row["highest_request_rate"]),
            f"{row['capacity']:,g} a second",
        )
        for row in summary.get("highest_request_rates", ())
    ]


def _ms(value: float) -> str:
    """Four digits of milliseconds; from a second on whole ones."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def failures(cells: Sequence[dict[str, Any]], first_error: str) -> str:
    """How many requests of `cells` failed, "" where none did."""
    failed, completed = (sum(cell[name] for cell in cells) for name in ("failed", "completed"))
    return f"{failed:,} of {failed + completed:,} requests failed; the first: {first_error}" if failed else ""


def notes(summary: dict[str, Any], first_error: str) -> list[str]:
    """What nobody should miss beside the tables: requests that failed, and what was not measured."""
    failed = failures(summary["cells"], first_error)
    return [
        *([failed] if failed else []),
        *([f"Not everything was measured: it ended {summary['ended']}."] if "ended" in summary else []),
    ]


def agreement_line(one: dict[str, Any]) -> str:
    """What our client and `vllm bench serve` measured of the same texts."""
    parts = [
        f"{name} {one['ours'][name]:,.1f} and {one['theirs'][name]:,.1f} ({difference:+.1%})"
        for name, difference in one["difference"].items()
    ]
    return f"Free text, {one['form']}, {_load(one)}, ours and `vllm bench serve`: {', '.join(parts)}."


def write_plots(summary: dict[str, Any], out: Path) -> list[Path]:
    """Write throughput.png, latency.png, pareto.png and report.html to the folder `out`, those that have anything to
    show."""
    cells: list[dict[str, Any]] = summary["cells"]
    if not cells:
        return []
    shown = [
        ("throughput", "output_throughput", "output tokens per second"),
        ("latency", "p99_itl_ms", "time between tokens, p99, ms"),
    ]
    pictures = [
        *(
            _plot(cells, out / f"{name}.png", key, label, summary["model"])
            for name, key, label in shown
            if any(key in cell for cell in cells)
        ),
        *_pareto(cells, out / "pareto.png", summary["model"]),
    ]
    page = out / "report.html"
    page.write_text(_page(summary, pictures), encoding="utf-8")
    return [*pictures, page]


def _cell(cell: dict[str, Any]) -> dict[str, str]:
    """What is shown of a cell, as text; what nobody told is "not measured"."""
    interval = (cell.get("intervals") or {}).get("output_throughput")
    shown = {key: str(cell.get(key, "")) for key in COLUMNS.values()}
    for key in ("output_throughput_per_gpu", "joules_per_token"):
        if cell.get(key) is None:
            shown[key] = "not measured"
    return shown | {"load": _load(cell), "interval": f"{interval[0]:,.0f} – {interval[1]:,.0f}" if interval else ""}


def _load(cell: dict[str, Any]) -> str:
    rate = float(cell["request_rate"])
    return str(Load(cell["max_concurrency"], rate, cell["burstiness"], cell["mix"]))


def _plot(cells: Sequence[dict[str, Any]], path: Path, key: str, label: str, model: str) -> Path:
    forms = list(dict.fromkeys(cell["form"] for cell in cells))
    loads = list(dict.fromkeys(map(_load, cells)))
    with picture(path, len(forms), max(4.5, 0.6 * len(loads)) * len(forms), 4, model) as plots:
        for place, form in zip(plots, forms, strict=True):
            for variant in dict.fromkeys(cell["variant"] for cell in cells):
                found = [cell for cell in cells if cell["form"] == form and cell["variant"] == variant and key in cell]
                at = [loads.index(_load(cell)) for cell in found]
                place.plot(at, [cell[key] for cell in found], marker="o", label=variant, color=COLOURS.get(variant))
                if key == "output_throughput":
                    low, high = [cell["slowest"] for cell in found], [cell["fastest"] for cell in found]
                    place.fill_between(at, low, high, alpha=0.15, color=COLOURS.get(variant))
            place.set(title=form, ylabel=label, ylim=(0, None))
            place.set_xticks(range(len(loads)), loads, rotation=0 if len(loads) < 5 else 45)
            place.grid(alpha=0.25)
        plots[0].legend(fontsize="small")
    return path


def _pareto(cells: Sequence[dict[str, Any]], path: Path, model: str) -> list[Path]:
    """Tokens a second for a user (1 ÷ median TPOT) against tokens a second in all: what is up and to the right is
    better. A point a load, a line a variant."""
    timed = [cell for cell in cells if cell.get("median_tpot_ms")]
    if not timed:
        return []
    forms = list(dict.fromkeys(cell["form"] for cell in timed))
    with picture(path, len(forms), 4.5 * len(forms), 4, model) as plots:
        for place, form in zip(plots, forms, strict=True):
            for variant in dict.fromkeys(cell["variant"] for cell in timed):
                found = [cell for cell in timed if cell["form"] == form and cell["variant"] == variant]
                points = sorted((1000 / cell["median_tpot_ms"], cell["output_throughput"]) for cell in found)
                across, up = [point[0] for point in points], [point[1] for point in points]
                place.plot(across, up, marker="o", label=variant, color=COLOURS.get(variant))
            place.set(title=form, xlabel="tokens/s a user", ylabel="tokens/s in all", xlim=(0, None), ylim=(0, None))
            place.grid(alpha=0.25)
        plots[0].legend(fontsize="small")
    return [path]


def _page(summary: dict[str, Any], pictures: Sequence[Path]) -> str:
    machine = summary["machine"]
    gpus = "no GPU" if machine["gpus"] == [] else ", ".join(gpu["name"] for gpu in machine["gpus"] or ())
    where = f"{machine['cpu']}, {machine['cores']} cores" + (f", {gpus}" if gpus else " (the client's)")
    versions = ", ".join(f"{name} {machine[name] or 'unknown'}" for name in ("vllm", "torch", "llguidance"))
    addresses = "".join(f"; {name}: {one['url']}" for name, one in summary["servers"].items() if one["url"])
    inside = "".join(
        f'<p><img alt="{path.stem}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"></p>'
        for path in pictures
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell[key])}</td>" for key in COLUMNS.values()) + "</tr>"
        for cell in map(_cell, summary["cells"])
    )
    return PAGE.format(
        title=html.escape(f"Decoding, {summary['model']}"),
        machine=html.escape(f"{where}; {versions}{addresses}"),
        pictures=inside,
        rates=_page_rates(summary),
        headings="".join(f"<th>{html.escape(heading)}</th>" for heading in COLUMNS),
        rows=rows,
    )


def _page_rates(summary: dict[str, Any]) -> str:
    if not (found := _rates(summary)):
        return ""
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(one)}</td>" for one in row) + "</tr>" for row in found)
    headings = "".join(f"<th>{heading}</th>" for heading in RATES)
    return f"<h2>{html.escape(_rates_title(summary))}</h2><table><tr>{headings}</tr>{rows}</table>"
