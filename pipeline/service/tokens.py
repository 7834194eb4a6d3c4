"""Tokens: who may ask, and as what. Knows bearer tokens and roles; does not know what a role may do (see app.py).

Without any token the service listens on loopback only and everybody is an operator.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal

from pipeline.errors import UsageError

Role = Literal["user", "operator"]
VARIABLE = "INTERLOCK_TOKENS"


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
        """Those of a file and of the environment variable's value together. UsageError."""
        try:
            written = file.read_text(encoding="utf-8") if file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read as a file of tokens: check the path.") from error
        tokens = cls(f"{written}\n{variable}")
        if file is not None and not tokens:
            raise UsageError(f"{file} holds no token: write lines such as 'operator:TOKEN'.")
        return tokens

    def __bool__(self) -> bool:
        return bool(self._known)

    def caller(self, authorization: str | None) -> Caller | None:
        """Who an Authorization header speaks for; None for nobody. Takes as long for a wrong token as for a right."""
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
