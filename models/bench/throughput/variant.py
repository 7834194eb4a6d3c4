"""Variant: one way to decode that the benchmark compares. Knows which server flags and requests it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.engines.vllm.jump_forward import serve_flags

SERVERS: dict[str, tuple[str, ...]] = {
    "plain": (),  # vLLM's defaults: async scheduling stays on
    "stock": ("--structured-outputs-config", '{"backend":"auto"}'),  # as a server is that nobody configured
    "jump": serve_flags(),
    "ngram": serve_flags(ngram=True),
    # Batches whose sequences have different numbers of drafts run as one graph on a GPU, not layer by layer.
    "graphs": (*serve_flags(), "--compilation-config", '{"cudagraph_mode":"FULL"}'),
}
"""The flags of each server that the variants need, by name."""


@dataclass(frozen=True)
class Variant:
    """`server`: a name in SERVERS. `ask`: for free text, with the form's grammar, or with the JSON schema of an
    ordinary class, which is what `outlines.from_vllm` sends."""

    name: str
    server: str
    ask: Literal["free", "grammar", "schema"]


FREE = Variant("free", "plain", "free")
CONSTRAINED = Variant("constrained", "plain", "grammar")
JUMP = Variant("jump-forward", "jump", "grammar")

VARIANTS = {
    variant.name: variant
    for variant in (
        CONSTRAINED,
        FREE,
        JUMP,
        Variant("outlines", "stock", "schema"),
        Variant("jump-forward-graphs", "graphs", "grammar"),
        Variant("jump-forward-ngram", "ngram", "grammar"),
        Variant("free-beside-jump", "jump", "free"),  # what free requests pay for the flags
    )
}
"""By name, in the order in which a round runs them: free text copies the lengths of the constrained one before it."""
