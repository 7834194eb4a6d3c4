"""Tokens: who may ask, and as what. Knows bearer tokens and roles; does not know what a role may do (see app.py).

Without any token the service listens on loopback only and everybody is an operator.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal

from pipeline.errors import UsageError

Role = Literal["user", "operator"]
VARIABLE = "INTERLOCK_TOKENS"
SHORTEST = 8
"""Characters of a token."""
LOOK = 1.0
"""Seconds between two looks at whether the file of tokens has changed."""

log = logging.getLogger("interlock.service")


_NAME = re.compile(r"[^\W\d_][\w.-]{0,39}")


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request. `owner`: whose what they make is, the name of a person, or of a token without giving it
    away; "" where there are none. `roles`: for which an operator approves; None for all.
    """

    role: Role
    owner: str = ""
    name: str = ""
    roles: frozenset[str] | None = None

    @property
    def shown(self) -> str:
        """What others see of an operator, and the ledger keeps: enough to tell two apart, nothing of the token."""
        return self.name or f"operator {self.owner[:4]}".strip()

    def approves(self, role: str) -> bool:
        """Whether they may give a role's approval."""
        return self.operator and (self.roles is None or role in self.roles)

    @property
    def operator(self) -> bool:
        """Whether they may see and do everything."""
        return self.role == "operator"


EVERYBODY = Caller("operator")
"""Where there are no tokens."""


class Tokens:
    """The tokens that are accepted. Each is kept as its SHA-256, so that all have the same length to compare."""

    def __init__(self, lines: str = "") -> None:
        """Lines `role:token`, `role/name:token` or `operator/name/approves+approves:token`; commas and blanks part them
        as well, `#` begins a comment. Several tokens of one name are one person's. UsageError.
        """
        self._known: list[tuple[bytes, Caller]] = []
        self._file: Path | None = None
        self._variable = ""
        self._seen: tuple[int, ...] | None = None
        """What the file looked like when it was read last."""
        self._looked = 0.0
        for number, line in enumerate(lines.splitlines(), start=1):
            for entry in line.partition("#")[0].replace(",", " ").split():
                self._add(number, *entry.partition(":")[::2])

    def _add(self, number: int, who: str, token: str) -> None:
        role, _, rest = who.partition("/")
        name, parted, roles = rest.partition("/")
        if role not in ("user", "operator") or not token or not (token.isascii() and token.isprintable()):
            raise UsageError(f"The tokens' line {number} is not 'user:TOKEN' or 'operator:TOKEN': mend it.")
        if "/" in who and not _NAME.fullmatch(name):
            raise UsageError(
                f"The name in the tokens' line {number} is none: write {role}/NAME:TOKEN, such as {role}/ann."
            )
        if parted and (role == "user" or not all(_NAME.fullmatch(one) for one in roles.split("+"))):
            raise UsageError(f"The tokens' line {number} names no roles: write operator/NAME/manager+finance:TOKEN.")
        if len(token) < SHORTEST:
            raise UsageError(
                f"The token of '{who}' in the tokens' line {number} has {len(token)} characters, and {SHORTEST} are the"
                " least: take a random one, such as `openssl rand -hex 16` prints."
            )
        digest = sha256(token.encode()).digest()
        caller = Caller(
            "user" if role == "user" else "operator",
            f"@{name}" if name else digest.hex()[:16],
            name,
            frozenset(roles.split("+")) if parted else None,
        )
        for known, other in self._known:
            if known == digest and other != caller:
                raise UsageError(f"The token in line {number} is another one's already: give each its own.")
            if name and other.name == name and other != caller:
                raise UsageError(
                    f"'{name}' in the tokens' line {number} is somebody else already: one name, one person."
                )
        self._known.append((digest, caller))

    @classmethod
    def read(cls, file: Path | None, variable: str) -> Tokens:
        """Those of a file and of the environment variable's value together. UsageError.

        The file is read again when it has changed. One that cannot be used any more changes nothing, and is logged.
        """
        seen = _looks(file)  # before it is read: what is written meanwhile is seen at the next look
        tokens = cls(_lines(file, variable))
        tokens._file, tokens._variable, tokens._seen = file, variable, seen
        tokens._looked = time.monotonic()
        return tokens

    def _renew(self) -> None:
        if self._file is None or time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        seen = _looks(self._file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._known = Tokens(_lines(self._file, self._variable))._known
        except UsageError as error:
            log.error("The tokens stay as they were: %s", error)
        else:
            log.warning("%s was read again: %d tokens are accepted now", self._file, len(self._known))

    def __bool__(self) -> bool:
        return bool(self._known)

    def caller(self, authorization: str | None) -> Caller | None:
        """Who an Authorization header speaks for; None for nobody. Takes as long for a wrong token as for a right."""
        self._renew()
        if not self._known:
            return EVERYBODY
        scheme, _, token = (authorization or "").partition(" ")
        digest = sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        found: Caller | None = None
        for known, caller in self._known:
            if hmac.compare_digest(known, digest):
                found = caller
        return found if scheme.lower() == "bearer" else None

    def check_bind(self, host: str) -> None:
        """UsageError for an address that others can reach while anybody may do anything."""
        if not self and not is_loopback(host):
            raise UsageError(
                f"{host} can be reached from elsewhere, and no token is set: set {VARIABLE}, or give --tokens FILE."
            )


def _lines(file: Path | None, variable: str) -> str:
    """What a file and the variable hold together. UsageError where the file holds no token."""
    try:
        written = file.read_text(encoding="utf-8-sig") if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as a file of tokens: check the path.") from error
    if file is not None and not Tokens(written):
        raise UsageError(f"{file} holds no token: write lines such as 'operator/ann:TOKEN'.")
    return f"{written}\n{variable}"


def _looks(file: Path | None) -> tuple[int, ...] | None:
    """What changes with a file's content; None where it is not there."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def proxies_of(text: str) -> tuple[str, ...]:
    """Addresses and networks, parted by commas. UsageError for anything else."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        try:
            ip_network(part)
        except ValueError:
            raise UsageError(f"'{part}' is no address of a proxy: write 127.0.0.1 or 10.0.0.0/8.") from None
    return found


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is this machine alone."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
