"""Server: the service in a process of its own, until it is told to end. Knows uvicorn; nothing of routes."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from pipeline.errors import UsageError
from pipeline.service.app import application
from pipeline.service.connection import UNREAD_BYTES, patient, raise_open_files
from pipeline.service.service import Service

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""After which work under way comes to its end; the last is what a terminal sends that is closed."""
MOST_CONNECTIONS = 4_096
"""Connections that wait to be accepted."""
AT_ONCE = 32
"""Of those, how many are accepted before whoever is connected already has their turn."""


class Server(uvicorn.Server):
    """Ends the event streams first: they would otherwise keep it from ending."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on the signals. uvicorn's own raises them again afterwards, before our journal is closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let those that are there come to their end, and return."""
        self._service.stopping.set()
        self._service.dialogues.refuse()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that a taken port is told before anything is loaded. UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{host}:{port} cannot be listened on ({why}): choose another --host or --port.") from None
    return bound


async def serve(service: Service, bound: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Answer requests until SIGTERM, SIGINT or `service.stopping`; a second signal ends it at once.

    `ready` is called when it listens.
    """
    config = uvicorn.Config(
        application(service),
        http=patient(service.limits.unread_seconds, min(service.limits.connections, raise_open_files())),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # its warnings are of what strangers send, a line for each
        access_log=False,
        server_header=False,
        # Anybody can write X-Forwarded-For, and limits count clients: only whom an administrator names is believed.
        proxy_headers=bool(service.limits.proxies),
        forwarded_allow_ips=list(service.limits.proxies),
        backlog=AT_ONCE,  # asyncio's own use of it; how many may wait is set again below
        timeout_graceful_shutdown=max(1, round(service.limits.grace_seconds)),
    )
    gc.collect()
    gc.freeze()  # models and modules stay; going through them again and again would hold up every stream
    server = Server(config, service)
    running = asyncio.create_task(server.serve([bound]))
    stopping = asyncio.create_task(service.stopping.wait())
    while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    if server.started:
        bound.listen(MOST_CONNECTIONS)
        ready()
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await running
