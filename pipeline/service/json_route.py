"""JsonRoute: routes whose JSON bodies are read beside the loop, and refused where they say a thing twice.

Knows FastAPI's place for it; nothing of what bodies hold.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from models.offload import offload
from pipeline.json_text import JsonFault, read_json
from pipeline.service.errors import OPENAI, ApiError, named


class JsonRequest(Request):
    """A request whose `json` raises ApiError for what is no JSON, and for what is said twice."""

    async def json(self) -> Any:
        """The body, read once."""
        if not hasattr(self, "_json"):
            try:
                text = (await self.body()).decode()
                self._json = await offload(partial(read_json, text, "The body"), len(text))
            except UnicodeDecodeError:
                raise self._refused("The body is not UTF-8.") from None
            except JsonFault as error:
                raise self._refused(str(error)) from None
        return self._json

    def _refused(self, message: str) -> ApiError:
        if self.url.path.startswith(OPENAI):
            return ApiError(400, "invalid_request", message, param=named(message))
        return ApiError(422, "invalid", message, "See /openapi.json for what is expected.")


class JsonRoute(APIRoute):
    """A route that is given a JsonRequest. A body that it declares is read before FastAPI does, which would word what
    that raises anew."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's own."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            read = JsonRequest(request.scope, request.receive)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if self.body_field and (kind == "application/json" or kind.endswith("+json")) and await read.body():
                await read.json()
            return await answer(read)

        return handle
