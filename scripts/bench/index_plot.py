"""The plot of `interlock bench index`: latencies of its three kinds of search, and where the bytes are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.bench.picture import BLUE, LIGHT_BLUE, picture

_SEARCHES = ("dense", "hybrid", "filtered")


def write_plot(figures: dict[str, Any], path: Path) -> None:
    """Write a PNG of the figures that `bench index` prints."""
    with picture(path, 2, 10, 3.5) as (times, sizes):
        for place, quantile in enumerate(("p50", "p99")):
            heights = [figures[f"{name}_{quantile}_ms"] for name in _SEARCHES]
            places = [number + 0.4 * place for number in range(len(_SEARCHES))]
            bars = times.bar(places, heights, 0.4, label=quantile, color=(BLUE, LIGHT_BLUE)[place])
            times.bar_label(bars, fmt="%.1f")
        times.set_xticks([number + 0.2 for number in range(len(_SEARCHES))], _SEARCHES)
        times.set_ylabel("milliseconds")
        times.margins(y=0.15)
        times.legend()
        times.set_title(f"{figures['passages']:,} passages, recall@10 {figures['recall@10']:.1%}")
        bars = sizes.barh(list(figures["files_mib"]), list(figures["files_mib"].values()), color=BLUE)
        sizes.bar_label(bars, fmt="%.0f")
        sizes.margins(x=0.15)
        sizes.set_xlabel("MiB on disk")
        built, opened = f"built in {figures['build_s']:.0f} s", f"opened in {figures['opened_s']:.2f} s"
        sizes.set_title(f"{figures['kind']}, {built}, {opened}")
