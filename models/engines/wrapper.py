"""Wrapper: an engine in front of another one, which it passes everything on to. Knows the protocol and no engine."""

from __future__ import annotations

from collections.abc import Sequence

from models.engines.engine import Canary, Completion, Enforcement, Engine, Message, Sampling, closes, stands_back
from models.engines.load import Load, load_of
from models.engines.profiles import Profile
from models.grammar.grammar import Grammar


class Wrapper:
    """See `Engine`. A subclass says what it does otherwise than `inner`, which is closed with it."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return self.inner.name

    @property
    def profile(self) -> Profile:
        """See `Engine.profile`."""
        return self.inner.profile

    @property
    def identity(self) -> str:
        """See `Engine.identity`."""
        return self.inner.identity

    @property
    def enforcement(self) -> Enforcement:
        """See `Engine.enforcement`."""
        return self.inner.enforcement

    @property
    def canary(self) -> Canary | None:
        """See `Engine.canary`."""
        return self.inner.canary

    @property
    def closes(self) -> bool:
        """See `Closer.closes`."""
        return closes(self.inner)

    @property
    def stands_back(self) -> bool:
        """See `stands_back`."""
        return stands_back(self.inner)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        return await self.inner.generate(messages, grammar, sampling, max_tokens)

    async def load(self) -> Load | None:
        """See `Observable.load`."""
        return await load_of(self.inner)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self.inner.close()
