"""Address: UUIDs, e-mail addresses, URLs and IP addresses as fragments. Knows their forms and longest texts.

Every admitted text is written as Pydantic would write the value, ASCII only. Does not know whether an address exists.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import UrlConstraints

from models.errors import ContractError
from models.grammar.fragments.builder import GrammarBuilder, ordered
from models.grammar.fragments.digits import integers
from models.grammar.fragments.fragment import Fragment, either
from models.grammar.fragments.text import MOST

LOCAL, DOMAIN = 64, 63
"""Characters of an e-mail address before and after the @, at most; one label of a domain has at most 63 (RFC 1035)."""
WEB = ("https", "http")
ANY = ("https", "http", "ftp", "wss", "ws")
"""The schemes of a URL that may have any."""

# No two hyphens in a row, which keeps clear of Punycode and of what RFC 5890 reserves.
_LABEL = "[a-z0-9]+(?:-[a-z0-9]+)*"
_TOP = "[a-z]{2,18}"
_ATOM = "[A-Za-z0-9_%+'-]+"
_OCTET = "(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
_PATH = "[A-Za-z0-9._~!$&()*+,;=:@\\/-]|%[0-9A-Fa-f]{2}"  # nothing that the URL standard would escape
_HEX = "[0-9a-f]{1,4}"
_IP4 = f"{_OCTET}(?:[.]{_OCTET}){{3}}"
_IP6 = f"(?:{_HEX}:){{7}}{_HEX}"
# No application may use these for e-mail (RFC 6761, 6762, 7686); email-validator refuses them.
_SPECIAL = "arpa|invalid|local|localhost|onion|test"


def uuid(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A UUID in lower case, of the version that is asked for."""
    version = limits.pop("uuid_version", None)
    rest = "[0-9a-f]{4}-[0-9a-f]{4}" if version is None else f"{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}"
    return Fragment(
        builder.terminal("UUID", f'/"[0-9a-f]{{8}}-[0-9a-f]{{4}}-{rest}-[0-9a-f]{{12}}"/'), 38, "36 characters"
    )


def email(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """An e-mail address with a domain that is no special-use one: at most `LOCAL` characters, @, `DOMAIN`."""
    shortest, longest = len("a@b.cc"), LOCAL + 1 + DOMAIN
    most = min(limits.pop("max_length", longest), longest)
    ordered(shortest, most, where)
    if limits.get("min_length", 0) <= shortest:  # a larger one exceeds the fuel of llguidance's compiler
        limits.pop("min_length", None)
    local = f"/{_ATOM}(?:[.]{_ATOM})*/ & /.{{1,{LOCAL}}}/"
    domain = f"/(?:{_LABEL}[.])+/ (/{_TOP}/ & ~/{_SPECIAL}/) & /.{{1,{DOMAIN}}}/"
    address = f'({local}) "@" ({domain})'
    if most < longest:  # costs mask time, so only where it says more than the two parts do
        address = f"({address}) & /.{{1,{most}}}/"
    body = f'"\\"" ({address}) "\\""'
    return Fragment(builder.terminal("EMAIL", body), most + 2, f"{shortest}–{most} characters")


def url_of(kind: Any) -> UrlConstraints | None:
    """What a class of URLs asks of its own: FtpUrl, PostgresDsn, …; None for any other class."""
    asked = getattr(kind, "_constraints", None) if isinstance(kind, type) else None
    return asked if isinstance(asked, UrlConstraints) else None


def any_url(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A URL with one of the schemes `ANY`, or those of its UrlConstraints."""
    return _url(limits, where, builder, ANY, None)


def any_web_url(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A URL with http or https."""
    return _url(limits, where, builder, WEB, None)


def web_url(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A URL with http or https, never longer than the 2083 characters of Pydantic's HttpUrl."""
    return _url(limits, where, builder, WEB, 2083)


def _url(
    limits: dict[str, Any], where: str, builder: GrammarBuilder, schemes: tuple[str, ...], longest: int | None
) -> Fragment:
    """scheme://host[:port]/[path][?query][#fragment], at most `MOST` characters unless a max_length says otherwise.

    The first slash is always there: Pydantic writes it, and so no value is longer than its text.
    """
    given = limits.pop("url", UrlConstraints())
    longest = given.max_length or longest
    asked = [most for most in (given.max_length, limits.pop("max_length", None)) if most is not None]
    most = min(most for most in (*(asked or [MOST]), longest) if most is not None)
    if given.default_port is not None:
        most -= len(":65535")  # Pydantic writes the port that the text leaves out
    schemes = schemes if given.allowed_schemes is None else tuple(given.allowed_schemes)
    for scheme in schemes:
        if not re.fullmatch("[a-z][a-z0-9+.-]*", scheme) or scheme == "file":
            raise ContractError(
                f"{where} allows the scheme {scheme!r}, which has no host or is never read.",
                "Allow schemes in lower case, such as https; use a str with max_length for files.",
            )
    if most < (least := min(map(len, schemes)) + len("://a/")):
        raise ContractError(f"{where} leaves no room for a URL.", "Allow a larger max_length.")
    # The last label starts with a letter: the URL standard reads every other one as part of a number.
    host = f"/(?:{_LABEL}[.])*[a-z][a-z0-9]*(?:-[a-z0-9]+)*/ & /.{{1,{DOMAIN}}}/"
    host = f"(({host}) | /{_IP4}/)"
    rest = f"/(?::(?:{integers(1, 65535)}))?\\/(?:{_PATH})*(?:[?](?:{_PATH}|[?])*)?(?:#(?:{_PATH}|[?])*)?/"
    names = "|".join(re.escape(scheme) for scheme in schemes)
    body = f'"\\"" ((/(?:{names}):\\/\\// {host} {rest}) & /.{{{least},{most}}}/) "\\""'
    return Fragment(builder.terminal("URL", body), most + 2, f"{least}–{most} characters")


def own_url(asked: UrlConstraints, limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A URL as its class asks for it."""
    if asked.allowed_schemes == ["file"]:
        most = min(limits.pop("max_length", MOST), asked.max_length or MOST)
        least = len("file:///a")
        ordered(least, most, where)
        body = f'"\\"" (/file:\\/\\/\\/(?:{_PATH})+/ & /.{{{least},{most}}}/) "\\""'
        return Fragment(builder.terminal("URL", body), most + 2, f"{least}–{most} characters")
    return _url({"url": asked, **limits}, where, builder, ANY, None)


def ip4(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """Four numbers from 0 to 255."""
    return Fragment(builder.terminal("IP4", f'/"{_IP4}"/'), 17, "0.0.0.0 … 255.255.255.255")


def ip6(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """Eight groups, or at most seven around a double colon, in lower case."""
    forms = [_IP6, f"::(?:{_HEX}(?::{_HEX}){{0,6}})?", f"{_HEX}(?::{_HEX}){{6}}::"]
    forms += [f"{_HEX}(?::{_HEX}){{{n - 1}}}::(?:{_HEX}(?::{_HEX}){{0,{6 - n}}})?" for n in range(1, 7)]
    return Fragment(builder.terminal("IP6", f'/"(?:{"|".join(forms)})"/'), 41, "8 groups of hexadecimal digits")


def network4(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A network of 256, 65,536 or 16,777,216 addresses, or a single one."""
    forms = [rf"{_OCTET}(?:[.]{_OCTET}){{{n - 1}}}{'[.]0' * (4 - n)}\/{8 * n}" for n in range(1, 5)]
    forms.append(_IP4)
    return Fragment(builder.terminal("NET4", f'/"(?:{"|".join(forms)})"/'), 20, "an address and /8, /16, /24 or /32")


def network6(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A network that begins with two, three or four groups, or a single address."""
    forms = [rf"[1-9a-f][0-9a-f]{{0,3}}(?::{_HEX}){{{n - 1}}}::\/{16 * n}" for n in range(2, 5)]
    forms.append(rf"{_IP6}(?:\/128)?")
    return Fragment(builder.terminal("NET6", f'/"(?:{"|".join(forms)})"/'), 45, "an address and /32, /48, /64 or /128")


def interface4(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """An IPv4 address in a network."""
    body = rf'/"{_IP4}(?:\/(?:{integers(0, 32)}))?"/'
    return Fragment(builder.terminal("INTERFACE4", body), 20, "an address and /0 … /32")


def interface6(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """An IPv6 address in a network."""
    body = rf'/"{_IP6}(?:\/(?:{integers(0, 128)}))?"/'
    return Fragment(builder.terminal("INTERFACE6", body), 45, "an address and /0 … /128")


def ip(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """An IP address of version 4 or 6."""
    return either([ip4(limits, where, builder), ip6(limits, where, builder)])
