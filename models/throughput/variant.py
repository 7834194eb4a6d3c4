"""Variant: one way to decode that the benchmark compares. Knows which server flags and requests it takes."""

from __future__ import annotations

from dataclasses import dataclass

from models.jump_forward import serve_flags

SERVERS: dict[str, tuple[str, ...]] = {
    "plain": (),  # vLLM's defaults: async scheduling stays on
    "jump": serve_flags(),
    "ngram": serve_flags(ngram=True),
    # Batches whose sequences have different numbers of drafts run as one graph on a GPU, not layer by layer.
    "graphs": (*serve_flags(), "--compilation-config", '{"cudagraph_mode":"FULL"}'),
}
"""The flags of each server that the variants need, by name."""


@dataclass(frozen=True)
class Variant:
    """`server`: a name in SERVERS. `constrained`: the request carries the form's grammar."""

    name: str
    server: str
    constrained: bool


FREE = Variant("free", "plain", False)
CONSTRAINED = Variant("constrained", "plain", True)
JUMP = Variant("jump-forward", "jump", True)

VARIANTS = {
    variant.name: variant
    for variant in (
        CONSTRAINED,
        FREE,
        JUMP,
        Variant("jump-forward-graphs", "graphs", True),
        Variant("jump-forward-ngram", "ngram", True),
        Variant("free-beside-jump", "jump", False),  # what free requests pay for the flags
    )
}
"""By name, in the order in which a round runs them: free text copies the lengths of the constrained one before it."""
