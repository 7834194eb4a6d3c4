"""Limits: how much a client may send, how often, and how much goes on at once. Counts; answers nothing itself."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.background import PART

MOST_CLIENTS = 10_000
"""Clients remembered: those not heard of for longest are forgotten, by which time their buckets are full again."""


@dataclass(frozen=True)
class Limits:
    """Bytes of a body and of an upload; requests a second of one client, and how many at once; turns taken on, and how
    many of them are served at the same time; runs that are served at the same time, and the part of the encoder's and
    the embedded engine's time that they have while people wait; event streams open at once; connections, as far as the
    process may have open files; the proxies whose word for a client's address is taken (addresses or networks), and the
    path below which they know this service; seconds that a client waits for a turn's end, that a body may take to
    arrive, between two heartbeats, that a client may leave what was sent unread, and that work has to come to its end
    when the server does; after which all that is kept goes, and after which a question that nobody answered is no
    longer asked (None: never).
    """

    body: int = 1 << 20
    upload: int = 64 << 20
    rate: float = 20.0
    burst: int = 100
    turns: int = 256
    concurrency: int = 16
    runs: int = 2
    run_share: float = PART
    streams: int = 1_000
    connections: int = 8_192
    proxies: tuple[str, ...] = ()
    root_path: str = ""
    turn_seconds: float = 120.0
    body_seconds: float = 30.0
    heartbeat_seconds: float = 15.0
    unread_seconds: float = 20.0
    grace_seconds: float = 10.0
    retain_seconds: float | None = None
    expire_seconds: float | None = None


class Buckets:
    """A token bucket for each client: `burst` requests at once, refilled with `rate` a second.

    Written by hand: the libraries that do this keep a lock and a timer thread for stores that are shared.
    """

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._now = now
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Count one request: 0.0 if it may pass, else the seconds until one may."""
        now = self._now()
        left, at = self._clients.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        passes = left >= 1.0
        self._clients[client] = (left - 1.0 if passes else left, now)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return 0.0 if passes else (1.0 - left) / self._rate


class Slots:
    """So many things at once, and no waiting for more: whoever finds it full, or has their share, is turned away."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._of: Counter[str] = Counter()

    def full(self, owner: str = "") -> bool:
        """Whether none is left, or none for this owner ("": whoever sends no token)."""
        return self.taken >= self.most or (owner != "" and self._of[owner] >= share(self.most))

    @contextmanager
    def hold(self, owner: str = "") -> Iterator[None]:
        """One of them, for the length of a block."""
        self.taken += 1
        self._of[owner] += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._of -= Counter((owner,))


def share(most: int) -> int:
    """How much one token may have of what there is for all: seven eighths, so that others find room."""
    return -(-most * 7 // 8)
