"""Address: where a server is, as a user writes it. Knows no client; asks nobody."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from models.errors import ModelNotFound


def root_of(url: str) -> str:
    """The address without /v1 ("http://host:8000"). Raises ModelNotFound for what is no address."""
    root = url.rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(root)
        known = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known:
        raise ModelNotFound(f"{root} is not an address.", "Write it as http://host:8000.")
    return root


def is_local(root: str) -> bool:
    """Whether it is this machine's own, so that no proxy leads there."""
    host = urlsplit(root).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
