"""Webhook: tells an address of the operator's what waits for a person, and which runs have ended, at least once each.

What there is to tell is read from the journals, and what was told stands in the service's own: a killed process loses
none. Signed as standardwebhooks.com has it: HMAC-SHA256 over id, timestamp and body. A notice names things; it holds no
word of a customer. Knows no route.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from pipeline.chat.inbox import Case, Mark, Wanted
from pipeline.errors import UsageError
from pipeline.journal.journal import Journal
from pipeline.service.cases import Cases
from pipeline.service.run_queue import RunQueue
from pipeline.service.run_readings import OPEN
from pipeline.service.sweeping import keep_sweeping

log = logging.getLogger("interlock.service")

PERIOD = 2.0
"""Seconds between two looks."""
BEHIND = 60.0
"""Seconds that are looked at again: clocks go back, and what is asked first need not be committed first."""
AGAIN = (5.0, 30.0, 300.0, 1_800.0, 7_200.0, 18_000.0)
"""Seconds after which a notice that was not taken is sent again; the last of them from then on."""
PAGE = 500
TIMEOUT = 10.0


@dataclass(frozen=True)
class Hook:
    """Where to, and signed with what: at least 24 bytes. `remind`: whoever waits so long, again."""

    url: str
    secret: bytes
    remind: float | None = None

    @classmethod
    def of(cls, url: str, secret: str, remind: float | None = None) -> Hook:
        """From what an operator writes. UsageError, which repeats neither, for an address or a secret that is none."""
        try:
            known = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
        except ValueError:
            known = False
        if not known:
            raise UsageError("--webhook is no address: write https://….")
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:  # what is no base64, and what is not ASCII
            key = b""
        if len(key) < 24:
            raise UsageError(
                "$INTERLOCK_WEBHOOK_SECRET is no secret of 24 bytes or more: make one with"
                ' `echo "whsec_$(openssl rand -base64 32)"`.'
            )
        return cls(url, key, remind)

    def headers(self, id: str, at: int, body: bytes) -> dict[str, str]:
        """What a receiver checks a notice by."""
        signed = hmac.new(self.secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }


@dataclass
class Notice:
    """Something to tell; `due`: when to try (monotonic), `tries` so far."""

    id: str
    kind: str
    at: float
    data: dict[str, Any]
    due: float = 0.0
    tries: int = 0

    @property
    def body(self) -> bytes:
        """As it is sent."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))
        return json.dumps({"type": self.kind, "timestamp": at, "data": self.data}, ensure_ascii=False).encode()


class Webhook:
    """Of one service."""

    def __init__(self, hook: Hook, journal: Journal, cases: Cases, runs: RunQueue) -> None:
        self._hook = hook
        self._journal = journal
        self._cases = cases
        self._runs = runs
        self._pending: dict[str, Notice] = {}
        self._since: float = 0.0

    async def keep(self) -> None:
        """Look and tell at once, and from then on every two seconds; what goes wrong is logged, and tried again."""
        # No redirect is followed: a notice goes where the operator said, and nowhere else.
        async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:

            async def tell() -> None:
                await self.look()
                await self.send(client)

            await keep_sweeping(tell, PERIOD, "The webhook waits")

    async def look(self) -> None:
        """Find what was not told yet."""
        began = time.time()
        for notice in await asyncio.to_thread(self._found):
            if notice.id not in self._pending and not self._told(notice.id):
                self._pending[notice.id] = notice
        # With reminders all that waits is looked at: there is no more of it than people can see to.
        self._since = 0.0 if self._hook.remind else began - BEHIND

    async def send(self, client: httpx.AsyncClient) -> None:
        """Tell what is due, one after the other; an address that does not answer is asked no more in this round."""
        for notice in [one for one in self._pending.values() if one.due <= time.monotonic()]:
            body, at = notice.body, int(time.time())
            why = ""
            try:
                answer = await client.post(
                    self._hook.url, content=body, headers=self._hook.headers(notice.id, at, body)
                )
                why = "" if answer.is_success else f"it answered {answer.status_code}"
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                why = type(error).__name__  # its text may hold the address, which may hold a secret
            if not why:
                await self._journal.write(("INSERT OR IGNORE INTO told VALUES (?, ?)", (notice.id, time.time())))
                del self._pending[notice.id]
                continue
            notice.due = time.monotonic() + AGAIN[min(notice.tries, len(AGAIN) - 1)]
            notice.tries += 1
            log.warning("The webhook did not take %s (try %d): %s", notice.id, notice.tries, why)
            return

    def _told(self, id: str) -> bool:
        return bool(self._journal.read("SELECT 1 FROM told WHERE id = ?", (id,)))

    def _found(self) -> list[Notice]:
        return [*self._of_cases(), *self._of_runs()]

    def _of_cases(self) -> Iterator[Notice]:
        after: Mark | None = (self._since, "", "")
        while after is not None:
            page = self._cases.page(Wanted(), "", None, after, PAGE)
            for case in page.cases:
                yield self._notice(case)
                yield from self._reminder(case)
            after = page.next

    def _notice(self, case: Case, kind: str = "", more: str = "") -> Notice:
        told = {
            "run": case.run or None,
            "record": case.record,
            "conversation": case.conversation,
            "kind": case.kind,
            "for": case.to or None,
            "intent": case.intent,
            "field": case.field,
            "expired": case.expired,
        }
        return Notice(
            _id(case.kind, case.run, case.record, repr(case.at), more), kind or f"{case.kind}.opened", case.at, told
        )

    def _reminder(self, case: Case) -> Iterator[Notice]:
        times = int((time.time() - case.at) / self._hook.remind) if self._hook.remind else 0
        if times:
            yield self._notice(case, f"{case.kind}.reminder", f"reminder {times}")

    def _of_runs(self) -> Iterator[Notice]:
        for note in self._runs.all():
            if note["state"] not in OPEN and (ended := note.get("ended")):
                told = {"run": note["id"], "state": note["state"], "records": note["records"], "errors": note["errors"]}
                yield Notice(_id("run", note["id"], repr(ended)), "run.ended", ended, told)


def _id(*parts: str) -> str:
    """The same for the same thing, also in another process."""
    return f"msg_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"
