"""What operators may look into: prompts and values of each step, figures of a run, and the index."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from pydantic import Field
from service_world import QUICK, begin, hall, say, sentence

from index import Embedder, Index, Retriever, build_index
from models import Contract, Said
from models.engines.open_engine import open_engine
from pipeline import App, Equipment, Run, workflow
from pipeline.service import Tokens
from pipeline.service.server import listen, serve
from pipeline.service.service import serving

DESK, USER = ({"Authorization": f"Bearer {token}"} for token in ("at-the-desk", "one-of-many"))
RUN = "".join(
    json.dumps({"custom_id": id, "text": text}) + "\n"
    for id, text in (("a/1", "in the front"), ("b", "A seat"), ("c", "manager"), ("d", "crash"))
)


class Trip(Contract):
    """Where somebody goes."""

    city: Said[str] = Field(description="Where to?")


@workflow(intent="travel", examples=["I want to go to Bali"])
async def travel(run: Run) -> str:
    """Book a trip."""
    trip = await run.collect(Trip)
    return f"A trip to {trip.city}."


@asynccontextmanager
async def trips(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service with a model and an index, for those with a token."""
    (folder / "knowledge").mkdir()
    for name, text in (("pets", "A dog travels in the cabin."), ("food", "A meal is served after take-off.")):
        (folder / "knowledge" / f"{name}.md").write_text(f"# {name}\n\n{text}\n")
    build_index([folder / "knowledge"], folder / "index", Embedder())
    bound = listen("127.0.0.1", 0)
    tokens = Tokens("user:one-of-many operator:at-the-desk")
    with Index.open(folder / "index") as index:
        async with (
            open_engine("models/tiny") as engine,
            serving(
                App("trips", [travel]),
                folder / "out",
                Equipment(engine, retriever=Retriever(index, Embedder())),
                limits=QUICK,
                tokens=tokens,
            ) as service,
        ):
            listening = asyncio.Event()
            server = asyncio.create_task(serve(service, bound, listening.set))
            await listening.wait()
            async with httpx.AsyncClient(base_url=f"http://localhost:{bound.getsockname()[1]}", timeout=60) as client:
                yield client
            service.stopping.set()
            await server


async def test_operators_see_prompts_as_they_were_sent_and_what_the_index_finds(tmp_path: Path) -> None:
    async with trips(tmp_path) as client:
        id = await begin(client, **USER)
        told = await say(client, id, "I want to go to Lisbon", **USER)
        record = told["events"][0]["record"]
        path = f"/inside/-/{record}"
        assert (await client.get(path, headers=USER)).status_code == 403
        found = (await client.get(path, headers=DESK)).json()
        [asked] = [step for step in found["steps"] if step["name"] == "model Trip"]
        system, user = asked["given"]["messages"]
        assert "city: Where to?" in system["content"]
        assert user["content"].endswith("I want to go to Lisbon")
        assert json.loads(asked["gave"]["text"]) == {"city": found["collected"]["Trip"]["city"]}
        assert asked["prompt_tokens"] > 0 < asked["seconds"]

        assert (await client.get("/index/search", params={"q": "dog"}, headers=USER)).status_code == 403
        search = (await client.get("/index/search", params={"q": "a dog", "k": 1}, headers=DESK)).json()
        [hit] = search["hits"]
        assert (hit["heading"], hit["dense_rank"], hit["lexical_rank"]) == ("pets", 1, 1)
        assert hit["score"] > hit["similarity"] > 0
        assert (search["account"]["passages"], search["index"]["passages"]) == (2, 2)
        none = (await client.get("/index/search", params={"q": "a dog", "least": 0.999}, headers=DESK)).json()
        assert (none["hits"], none["nothing"]) == ([], "no passage is similar enough")
        assert (await client.get("/index/search", headers=DESK)).json()["nothing"] == "the query holds no text"
        bad = await client.get("/index/search", params={"q": "dog", "where": "lang =="}, headers=DESK)
        assert bad.status_code == 422
        assert sentence(bad)
        assert (await client.get("/app")).json()["index"]


async def test_a_runs_records_have_an_inside_and_figures(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = (await client.post("/runs", content=RUN)).json()["id"]
        nothing = (await client.get(f"/runs/{id}/figures")).json()
        assert set(nothing) == {"intents", "seconds", "tokens"}
        while (await client.get(f"/runs/{id}")).json()["state"] != "finished":
            await asyncio.sleep(0.02)
        [seat] = (await client.get(f"/inside/{id}/a/1")).json()["steps"]
        assert (seat["name"], seat["gave"], seat["error"]) == ("seat", "row front", None)
        assert seat["given"][-1] == "front"
        assert (await client.get(f"/inside/{id}/none")).status_code == 404
        assert (await client.get("/inside/none/b")).status_code == 404
        assert (await client.get("/index/search", params={"q": "dog"})).status_code == 404

        figures = (await client.get(f"/runs/{id}/figures")).json()
        assert figures["intents"] == [
            {
                "intent": "seat",
                "records": 4,
                "statuses": {"completed": 1, "needs_input": 1, "escalated": 1, "failed": 1},
            }
        ]
        seconds = figures["seconds"]
        assert sum(bar["records"] for bar in seconds["bars"]) == 4
        assert seconds["p50"] <= seconds["p90"] <= seconds["most"] <= seconds["bars"][-1]["to"]
