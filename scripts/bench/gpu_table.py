"""The tables of `interlock bench gpu` in Markdown. Knows headings; the figures are models/bench/throughput's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from models.bench.throughput.variant import VARIANTS
from scripts.bench.decode_report import failures

VERSIONS = ("vllm", "torch", "transformers", "llguidance", "python")


def markdown(summary: dict[str, Any]) -> str:
    """Card, versions, command, and one table each of speed, of latency and load, and of where the steps go."""
    parts = [
        f"{_machine(summary)}\n\n{_servers(summary)}\n\n```sh\n{summary['command']}\n```",
        _table(("form", "at once", *(f"{name} tok/s" for name in _variants(summary)), *_SPEED), _speed(summary)),
        _table(("form", "at once", "variant", *_LOAD), _loads(summary)),
    ]
    if phases := summary.get("phases"):
        rows = [
            (server, phase, f"{share:.1%}")
            for server, shares in phases.items()
            if server != "of"
            for phase, share in shares.items()
            if share >= 0.01
        ]
        parts.append(f"Where an engine's steps go ({phases['of']}):\n\n{_table(('server', 'phase', 'share'), rows)}")
    if failed := failures(summary["cells"], summary.get("first_error", "")):
        parts.append(f"{failed.rstrip('.')}.")
    if ended := summary.get("ended"):
        parts.append(f"Not everything was measured: {ended}.")
    return "\n\n".join(parts) + "\n"


_SPEED = ("constrained ÷ free", "jump-forward ÷ free", "steps a token", "forced drafts accepted", "valid", "masks")
_LOAD = ("step ms", "TTFT p50 / p99 ms", "TPOT p50 / p99 ms", "GPU busy", "engine", "front end", "client", "J a token")


def _machine(summary: dict[str, Any]) -> str:
    machine = summary["machine"]
    versions = ", ".join(f"{name} {machine[name] or 'unknown'}" for name in VERSIONS)
    cores = f"{machine['cores']} cores of {machine['cpu']}"
    if machine["gpus"] is None:
        return f"{summary['model']}. Servers elsewhere, whose cards are not known; client: {cores}; {versions}."
    cards = [f"{card['name']} ({card['memory.total']}, driver {card['driver_version']})" for card in machine["gpus"]]
    return f"{summary['model']}. {' and '.join(cards) or 'no GPU'}; {cores}; {versions}."


def _servers(summary: dict[str, Any]) -> str:
    told = [
        f"{server}: {', '.join(f'{name} {value}' for name, value in facts.items() if value is not None)}"
        for server, facts in summary.get("servers", {}).items()
    ]
    flags = " ".join(f"`{flag}`" if flag.startswith("--") else flag for flag in summary["flags"])
    asked = f"Flags of every server that was started: {flags}. " if flags else ""
    return f"{asked}{'; '.join(told)}{'.' if told else ''}".strip()


def _variants(summary: dict[str, Any]) -> list[str]:
    """Free text first, since the others are compared with it."""
    return sorted(dict.fromkeys(cell["variant"] for cell in summary["cells"]), key=_rank)


def _rank(variant: str) -> bool:
    return VARIANTS[variant].ask != "free"


def _speed(summary: dict[str, Any]) -> Iterable[Sequence[str]]:
    cells = _by_place(summary["cells"])
    for place, found in cells.items():
        best = found.get("jump-forward") or found.get("constrained") or {}
        share = summary["mask_share"].get(place[0], {}).get(str(place[1]))
        answers = sum(cell["constrained"] for cell in found.values())
        yield (
            place[0],
            str(place[1]),
            *(f"{found[name]['output_throughput']:,.0f}" if name in found else "" for name in _variants(summary)),
            *(_ratio(summary, f"{name} ÷ free", place) for name in ("constrained", "jump-forward")),
            f"{best['steps_per_token']:.2f}" if best else "",
            f"{best['accepted']:,} of {best['drafted']:,}" if best else "",
            f"{sum(cell['valid'] for cell in found.values()):,} of {answers:,}",
            f"{share:.1%}" if share is not None else "",
        )


def _loads(summary: dict[str, Any]) -> Iterable[Sequence[str]]:
    measured = _by_place(summary["load"])
    for place, found in _by_place(summary["cells"]).items():
        for variant in sorted(found, key=_rank):
            cell = found[variant]
            load = measured.get(place, {}).get(variant, {})
            server = VARIANTS[variant].server
            yield (
                place[0],
                str(place[1]),
                variant,
                _number(load.get("step_ms")),
                _pair(cell, "ttft"),
                _pair(cell, "tpot"),
                f"{load['gpu_busy']:.0%}" if "gpu_busy" in load else "",
                *(_number(load.get(f"{server} {part} cores")) for part in ("engine", "front end")),
                _number(load.get("client cores")),
                _number(load.get("joules_per_token")),
            )


def _by_place(cells: Sequence[dict[str, Any]]) -> dict[tuple[str, int], dict[str, dict[str, Any]]]:
    """(form, concurrency) → variant → cell."""
    found: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for cell in cells:
        found.setdefault((cell["form"], cell["max_concurrency"]), {})[cell["variant"]] = cell
    return dict(sorted(found.items()))


def _ratio(summary: dict[str, Any], name: str, place: tuple[str, int]) -> str:
    """The median with the lowest and the highest round."""
    for row in summary["ratios"].get(name, ()):
        if (row["form"], row["max_concurrency"]) == place:
            return f"{row['median']:.2f} ({row['low']:.2f} – {row['high']:.2f})"
    return ""


def _pair(cell: dict[str, Any], name: str) -> str:
    return " / ".join(f"{cell[f'{part}_{name}_ms']:.1f}" for part in ("p50", "p99") if f"{part}_{name}_ms" in cell)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
