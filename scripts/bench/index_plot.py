"""The plot of `interlock bench index`: latencies of its three kinds of search, and where the bytes are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SEARCHES = ("dense", "hybrid", "filtered")
_MEDIAN, _TAIL = "#2563eb", "#93c5fd"


def write_plot(figures: dict[str, Any], path: Path) -> None:
    """Write a PNG of the figures that `bench index` prints."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    picture, (times, sizes) = pyplot.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    for place, quantile in enumerate(("p50", "p99")):
        heights = [figures[f"{name}_{quantile}_ms"] for name in _SEARCHES]
        places = [number + 0.4 * place for number in range(len(_SEARCHES))]
        bars = times.bar(places, heights, 0.4, label=quantile, color=(_MEDIAN, _TAIL)[place])
        times.bar_label(bars, fmt="%.1f")
    times.set_xticks([number + 0.2 for number in range(len(_SEARCHES))], _SEARCHES)
    times.set_ylabel("milliseconds")
    times.margins(y=0.15)
    times.legend()
    times.set_title(f"{figures['passages']:,} passages, recall@10 {figures['recall@10']:.1%}")
    bars = sizes.barh(list(figures["files_mib"]), list(figures["files_mib"].values()), color=_MEDIAN)
    sizes.bar_label(bars, fmt="%.0f")
    sizes.margins(x=0.15)
    sizes.set_xlabel("MiB on disk")
    sizes.set_title(f"{figures['kind']}, built in {figures['build_s']:.0f} s, opened in {figures['opened_s']:.2f} s")
    picture.savefig(path, dpi=120)
    pyplot.close(picture)
