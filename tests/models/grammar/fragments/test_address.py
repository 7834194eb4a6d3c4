from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Annotated, Any
from uuid import UUID

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import (
    UUID1,
    UUID3,
    UUID4,
    UUID5,
    UUID6,
    UUID7,
    UUID8,
    AnyHttpUrl,
    AnyUrl,
    EmailStr,
    Field,
    HttpUrl,
    IPvAnyAddress,
    UrlConstraints,
    create_model,
)
from random_walk import admits, random_walk

from models import Contract, ContractError
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")
REDIS = UrlConstraints(allowed_schemes=["redis", "rediss"], default_port=6379, max_length=40)


def one(annotation: Any, **limits: Any) -> type[Contract]:
    fields: Any = {"at": (annotation, Field(**limits))}
    return create_model("One", __base__=Contract, **fields)


def written(annotation: Any, text: str, **limits: Any) -> bool:
    return admits(compile_grammar(one(annotation, **limits)), BYTES, json.dumps({"at": text}, separators=(",", ":")))


@pytest.mark.parametrize(
    ("annotation", "limits"),
    [
        *((kind, {}) for kind in (UUID, UUID1, UUID3, UUID4, UUID5, UUID6, UUID7, UUID8)),
        (EmailStr, {}),
        (EmailStr, {"max_length": 9}),
        (EmailStr, {"min_length": 3, "max_length": 127}),
        (HttpUrl, {}),
        (HttpUrl, {"max_length": 20}),
        (AnyHttpUrl, {}),
        (AnyUrl, {}),
        (Annotated[AnyUrl, REDIS], {}),
        (Annotated[HttpUrl, UrlConstraints(max_length=700)], {}),
        *((kind, {}) for kind in (IPv4Address, IPv6Address, IPvAnyAddress)),
    ],
)
def test_whatever_a_model_writes_is_an_address_that_is_read_back(annotation: Any, limits: dict[str, Any]) -> None:
    contract = one(annotation, **limits)
    grammar = compile_grammar(contract)
    for seed in range(200):
        text, _ = random_walk(grammar, BYTES, Random(seed))
        value = contract.model_validate_json(text)
        assert contract.model_validate_json(value.model_dump_json()) == value


@given(
    st.uuids(), st.sampled_from([(1, UUID1), (3, UUID3), (4, UUID4), (5, UUID5), (6, UUID6), (7, UUID7), (8, UUID8)])
)
def test_a_uuid_has_its_version_and_variant(drawn: UUID, kind: tuple[int, Any]) -> None:
    version, annotation = kind
    assert written(annotation, str(drawn)) == (drawn.version == version)
    text = str(drawn)
    right = f"{text[:14]}{version}{text[15:19]}a{text[20:]}"
    assert written(annotation, right)
    assert written(UUID, text)
    assert not written(annotation, f"{right[:19]}c{right[20:]}")
    assert not written(annotation, right.upper()) or right == right.upper()


@pytest.mark.parametrize("domain", SPECIAL_USE_DOMAIN_NAMES)
def test_an_email_address_has_no_special_use_domain(domain: str) -> None:
    assert not written(EmailStr, f"a@b.{domain}")
    assert written(EmailStr, f"a@{domain}.com")


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ("ada.lovelace+news@mail.example.co.uk", True),
        ("o'brien@a-b.co", True),
        ("1@1.io", True),
        (f"{'a' * 64}@{'b' * 59}.com", True),
        (f"{'a' * 65}@b.com", False),
        (f"a@{'b' * 60}.com", False),
        ("a@localhost", False),
        ("a@b", False),
        ("a@b.c1", False),
        ("a@b..com", False),
        (".a@b.com", False),
        ("a.@b.com", False),
        ("a..b@c.com", False),
        ("a@-b.com", False),
        ("a@b-.com", False),
        ("a@xn--bcher-kva.com", False),
        ("a@ab--c.com", False),
        ("a b@c.com", False),
        ("a@b@c.com", False),
        ("Ada <ada@b.com>", False),
    ],
)
def test_an_email_address_has_the_common_form(text: str, admitted: bool) -> None:
    assert written(EmailStr, text) is admitted


@pytest.mark.parametrize(
    ("annotation", "text", "admitted"),
    [
        (HttpUrl, "https://example.com/", True),
        (HttpUrl, "http://localhost:8080/a/b?c=d&e=%20#f", True),
        (HttpUrl, "http://192.168.0.1/", True),
        (HttpUrl, "https://example.com", False),  # the value would be longer than its text
        (HttpUrl, "http://192.168.0.256/", False),
        (HttpUrl, "http://1.2.3/", False),
        (HttpUrl, "http://a.0x1/", False),
        (HttpUrl, "http://a:65535/", True),
        (HttpUrl, "http://a:65536/", False),
        (HttpUrl, "http://a/b c", False),
        (HttpUrl, "http://a/%2", False),
        (HttpUrl, "http://a/é", False),
        (HttpUrl, "http://xn--a/", False),
        (HttpUrl, "ftp://a/", False),
        (HttpUrl, f"http://a/{'b' * 247}", True),
        (HttpUrl, f"http://a/{'b' * 248}", False),
        (AnyUrl, "ftp://a/", True),
        (AnyUrl, "javascript://a/", False),
        (Annotated[AnyUrl, REDIS], "rediss://a:1/0", True),
        (Annotated[AnyUrl, REDIS], "http://a/", False),
        (IPv4Address, "255.0.0.10", True),
        (IPv4Address, "255.0.0.010", False),
        (IPv6Address, "::", True),
        (IPv6Address, "1::8", True),
        (IPv6Address, "1:2:3:4:5:6:7:8", True),
        (IPv6Address, "1:2:3:4:5:6:7::", True),
        (IPv6Address, "1:2:3:4:5:6:7::8", False),
        (IPv6Address, "1::2::3", False),
        (IPvAnyAddress, "127.0.0.1", True),
        (IPvAnyAddress, "::1", True),
    ],
)
def test_an_address_has_the_form_that_pydantic_writes(annotation: Any, text: str, admitted: bool) -> None:
    assert written(annotation, text) is admitted


@settings(deadline=None)
@given(st.ip_addresses(), st.data())
def test_every_ip_address_can_be_written(address: IPv4Address | IPv6Address, data: st.DataObject) -> None:
    if not getattr(address, "ipv4_mapped", None):
        assert written(data.draw(st.sampled_from([type(address), IPvAnyAddress])), str(address))


@pytest.mark.parametrize(
    ("annotation", "limits", "advice"),
    [
        (EmailStr, {"max_length": 5}, r"at least 6 and at most 5"),
        (EmailStr, {"min_length": 7}, r"has min_length, .*guardrail"),
        (EmailStr, {"pattern": "@example.com$"}, r"has pattern, .*guardrail"),
        (HttpUrl, {"min_length": 20}, r"has min_length, .*guardrail"),
        (HttpUrl, {"max_length": 8}, r"no room for a URL\. Allow a larger max_length"),
        (
            Annotated[AnyUrl, UrlConstraints(allowed_schemes=["file"])],
            {},
            r"scheme 'file', .*use a str with max_length",
        ),
        (Annotated[AnyUrl, UrlConstraints(allowed_schemes=["HTTP"])], {}, r"scheme 'HTTP', .*schemes in lower case"),
        (Annotated[AnyUrl, REDIS, UrlConstraints(max_length=9)], {}, r"sets url twice\. Keep one"),
        (UUID, {"max_length": 36}, r"has max_length, .*guardrail"),
    ],
)
def test_an_address_that_cannot_be_enforced_is_refused_with_advice(
    annotation: Any, limits: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ContractError, match=r"One\.at .*" + advice):
        one(annotation, **limits)
