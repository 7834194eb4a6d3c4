"""Who may do what: tokens, roles, owners, and pages of other sites."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_world import SSE, begin, hall, say, sentence

from pipeline import UsageError
from pipeline.service import Tokens
from pipeline.service.tokens import EVERYBODY, is_loopback

TOKENS = "user:alice-token\nuser:bob-token  # a comment\n\noperator:desk-token"
ALICE = {"Authorization": "Bearer alice-token"}
BOB = {"Authorization": "Bearer bob-token"}
DESK = {"Authorization": "Bearer desk-token"}


async def test_nothing_but_the_page_without_a_token(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS) as (client, _):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic alice-token"}):
            for method, path in (
                ("POST", "/conversations"),
                ("GET", "/runs"),
                ("GET", "/metrics"),
                ("GET", "/nothing"),
            ):
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert "token" in sentence(answer)
        for path in ("/healthz", "/readyz", "/app"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/app")).json() | {"examples": []} == {
            "name": "hall",
            "operator": False,
            "auth": True,
            "caller": "",
            "known": False,
            "index": False,
            "examples": [],
        }
        assert (await client.get("/app", headers=DESK)).json()["operator"]


async def test_a_customer_sees_what_their_token_opened_and_an_operator_everything(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS) as (client, _):
        id = await begin(client, **ALICE)
        await say(client, id, "A seat", **ALICE)
        for path in (f"/conversations/{id}", f"/conversations/{id}/events"):
            other = await client.get(path, headers=BOB | SSE)
            assert other.status_code == 404
        assert (await client.post(f"/conversations/{id}/messages", json={"text": "x"}, headers=BOB)).status_code == 404
        assert (await client.get(f"/conversations/{id}", headers=ALICE)).status_code == 200
        assert (await client.get(f"/conversations/{id}", headers=DESK)).status_code == 200


async def test_the_desk_and_the_runs_are_for_operators(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS) as (client, _):
        for method, path in (
            ("GET", "/escalations"),
            ("GET", "/escalations/x"),
            ("POST", "/escalations/x/take"),
            ("POST", "/runs"),
            ("GET", "/runs"),
            ("GET", "/runs/x/results"),
        ):
            denied = await client.request(method, path, headers=ALICE)
            assert denied.status_code == 403
            assert "operator" in sentence(denied)
            assert (await client.request(method, path, headers=DESK)).status_code in (200, 404, 422)


async def test_pages_of_other_sites_speak_for_nobody(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        port = client.base_url.port
        foreign = await client.post("/conversations", headers={"Origin": "https://elsewhere.example"})
        assert foreign.status_code == 403
        assert "other sites" in sentence(foreign)
        own = await client.post("/conversations", headers={"Origin": f"http://localhost:{port}"})
        assert own.status_code == 201
        bent = await client.get("/app", headers={"Host": "bent.example"})
        assert bent.status_code == 403
        assert (await client.get("/app", headers={"Host": f"[::1]:{port}"})).status_code == 200


async def test_every_answer_keeps_scripts_and_frames_of_others_out(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        for path in ("/", "/app", "/nothing", "/metrics", "/openapi.json"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"


def test_tokens_are_read_from_a_file_and_the_environment_together(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(TOKENS)
    tokens = Tokens.read(file, "user:carol-token,operator:dan-token")
    assert [
        bool(tokens.caller(f"Bearer {name}")) for name in ("alice-token", "carol-token", "dan-token", "eve-token")
    ] == [
        True,
        True,
        True,
        False,
    ]
    dan, carol = tokens.caller("Bearer dan-token"), tokens.caller("bearer carol-token")
    assert dan is not None
    assert dan.operator
    assert carol is not None
    assert not carol.operator
    assert carol.owner
    assert carol.owner != dan.owner
    assert Tokens("").caller(None) == EVERYBODY


@pytest.mark.parametrize(
    "lines", ["admin:x", "user:", "no colon", "operator:pässword", "user/alice:", "operator/no name:long-enough"]
)
def test_a_line_that_is_no_token_is_refused(lines: str) -> None:
    with pytest.raises(UsageError, match="line 1"):
        Tokens(lines)


@pytest.mark.parametrize(("lines", "whose"), [("user:a", "'user'"), ("\noperator/ines:secret", "'operator/ines'")])
def test_a_short_token_is_refused_by_name_and_not_repeated(lines: str, whose: str) -> None:
    with pytest.raises(UsageError, match=f"token of {whose} in the tokens' line {len(lines.splitlines())}") as refused:
        Tokens(lines)
    assert "secret" not in str(refused.value)


def test_a_token_is_one_callers_and_a_name_keeps_what_is_theirs() -> None:
    with pytest.raises(UsageError, match="line 2 is another one's already"):
        Tokens("operator/ines:shared-token\nuser:shared-token")
    before, after = (Tokens(f"operator/ines:{token}").caller(f"Bearer {token}") for token in ("token-one", "token-two"))
    assert before is not None
    assert before == after
    assert (before.name, before.operator) == ("ines", True)
    assert before.owner


async def test_a_changed_file_is_read_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline.service.tokens.LOOK", 0.0)
    file = tmp_path / "tokens"
    file.write_text("user:alice-token")
    async with hall(tmp_path, tokens=Tokens.read(file, "")) as (client, _):

        async def statuses() -> list[int]:
            return [(await client.post("/conversations", headers=one)).status_code for one in (ALICE, BOB)]

        assert await statuses() == [201, 401]
        file.write_text("user:bob-token")
        assert await statuses() == [401, 201]
        for spoilt in ("", "user:x", "# nobody at all"):
            file.write_text(spoilt)
            assert await statuses() == [401, 201]  # nobody is let in, or out, by a slip
        file.unlink()
        assert await statuses() == [401, 201]
        assert sum("stay as they were" in line for line in caplog.messages) == 4


def test_a_file_without_tokens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n")
    for name in ("empty", "missing"):
        with pytest.raises(UsageError, match=name):
            Tokens.read(tmp_path / name, "")


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_this_machine_is_served_without_tokens(host: str, own: bool) -> None:
    assert is_loopback(host) is own
    Tokens("user:some-token").check_bind(host)
    if own:
        Tokens("").check_bind(host)
    else:
        with pytest.raises(UsageError, match="no token is set"):
            Tokens("").check_bind(host)
