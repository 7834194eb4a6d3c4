"""`interlock serve`: an app over HTTP, from a folder that the same command goes on with."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from socket import socket
from typing import Annotated

import typer

from models.background import MOST
from pipeline import Launch, UsageError, load_app
from pipeline.ages import age_of
from pipeline.runtime.folder import Folder
from pipeline.service import Limits, Tokens
from pipeline.service.middleware.prefix import prefix_of
from pipeline.service.middleware.request_id import FORMAT, tag
from pipeline.service.tokens import VARIABLE, proxies_of
from scripts import options
from scripts.console import console, day_of
from scripts.equipment import equipped

DEFAULT = Limits()
SECRET = "INTERLOCK_WEBHOOK_SECRET"


def serve(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Journal and runs; the same goes on.")],
    app: options.App = options.TRAVEL,
    model: options.Model = "models/tiny",
    second_model: options.SecondModel = "",
    index: options.Index = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs tokens.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0: any that is free.")] = 8000,
    tokens: Annotated[
        Path | None,
        typer.Option(
            help=f"File of lines role:token or role/name:token, read again when it changes; besides ${VARIABLE}."
        ),
    ] = None,
    today: options.Today = "",
    seed: options.Seed = 0,
    enforcement: options.Enforcement = "grammar",
    gate: options.Gate = "cascade",
    trust: options.Trust = None,
    thinking: options.Thinking = None,
    accept_changes: options.Accept = False,
    body: Annotated[int, typer.Option(min=1, help="Bytes of a request, at most.")] = DEFAULT.body,
    upload: Annotated[int, typer.Option(min=1, help="Bytes of an uploaded batch, at most.")] = DEFAULT.upload,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests a second of one client.")] = DEFAULT.rate,
    burst: Annotated[int, typer.Option(min=1, help="Requests of one client at once.")] = DEFAULT.burst,
    turns: Annotated[int, typer.Option(min=1, help="Messages worked on at once.")] = DEFAULT.turns,
    concurrency: Annotated[int, typer.Option(min=1, help="Of those, served at the same time.")] = DEFAULT.concurrency,
    streams: Annotated[int, typer.Option(min=1, help="Event streams open at once.")] = DEFAULT.streams,
    connections: Annotated[
        int, typer.Option(min=1, help="Connections at once; beyond it, those that ask nothing make room.")
    ] = DEFAULT.connections,
    runs: Annotated[
        int, typer.Option(min=1, help="Runs and batches served at the same time, each with the same share.")
    ] = DEFAULT.runs,
    run_share: Annotated[
        float,
        typer.Option(min=0.01, max=MOST, help="Part of the time of engine and encoder for runs, while people wait."),
    ] = DEFAULT.run_share,
    trusted_proxies: Annotated[
        str, typer.Option(metavar="ADDRESSES", help="Proxies whose X-Forwarded-For is believed: 127.0.0.1,10.0.0.0/8")
    ] = "",
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="The path below which a proxy has this service, such as /help.")
    ] = "",
    retain: Annotated[
        str, typer.Option(metavar="AGE", help="Take away what is older, such as 90d (h, d, w); default: nothing is.")
    ] = "",
    expire: Annotated[
        str, typer.Option(metavar="AGE", help="Hand over what nobody answered for so long, such as 7d; default: never.")
    ] = "",
    webhook: Annotated[
        str, typer.Option(metavar="URL", help=f"Tell it what waits for people, signed with ${SECRET}.")
    ] = "",
    remind: Annotated[
        str, typer.Option(metavar="AGE", help="Tell it again what has waited for so long, such as 24h, and again then.")
    ] = "",
    turn_seconds: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for a turn.")] = DEFAULT.turn_seconds,
) -> None:
    """Serve conversations, escalations and uploaded batches, with a page for them at /."""
    known = Tokens.read(tokens, os.environ.get(VARIABLE, ""))
    known.check_bind(host)
    day = day_of(today)
    limits = replace(
        DEFAULT,
        body=body,
        upload=upload,
        rate=rate,
        burst=burst,
        turns=turns,
        concurrency=concurrency,
        streams=streams,
        connections=connections,
        proxies=proxies_of(trusted_proxies),
        root_path=prefix_of(root_path),
        runs=runs,
        run_share=run_share,
        turn_seconds=turn_seconds,
        retain_seconds=age_of(retain),
        expire_seconds=age_of(expire),
    )
    launch = Launch(
        app=app,
        model=model,
        second=second_model,
        index=index,
        enforcement=enforcement,
        gate=gate,
        trust=trust,
        thinking=thinking,
        concurrency=concurrency,
        seed=seed,
    )
    if remind and not webhook:
        raise UsageError("--remind tells a webhook: name it with --webhook URL.")
    hook = (webhook, os.environ.pop(SECRET, ""), age_of(remind)) if webhook else None
    lines = logging.StreamHandler()
    lines.addFilter(tag)
    logging.basicConfig(format=FORMAT, level=logging.WARNING, handlers=[lines])
    os.umask(0o077)  # what people write, and what is uploaded, is for the account that serves it
    from pipeline.service.server import listen  # FastAPI takes a second to import

    with listen(host, port) as bound:
        asyncio.run(_serve(bound, out, launch, known, limits, day, accept_changes, hook))
    console.print("Stopped; the same command goes on from here.")


async def _serve(
    bound: socket,
    out: Path,
    launch: Launch,
    tokens: Tokens,
    limits: Limits,
    today: date | None,
    accept_changes: bool,
    hook: tuple[str, str, float | None] | None,
) -> None:
    from pipeline.service.server import serve
    from pipeline.service.service import serving
    from pipeline.service.webhook import Hook

    told = None if hook is None else Hook.of(*hook)

    loaded = load_app(launch.app)
    Folder(out).check()
    async with (
        equipped(loaded, launch, out) as equipment,
        serving(
            loaded,
            out,
            equipment,
            launch,
            tokens=tokens,
            limits=limits,
            today=today,
            accept_changes=accept_changes,
            hook=told,
        ) as service,
    ):

        def ready() -> None:
            address, number = bound.getsockname()[:2]
            url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
            url += limits.root_path
            console.print(f"Serving '{loaded.name}' at {url} (Ctrl-C ends it).", markup=False)
            print(json.dumps({"url": url, "app": loaded.name, "auth": bool(tokens)}), flush=True)

        await serve(service, bound, ready)
