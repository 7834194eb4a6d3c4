"""Access: how a route gets at the service and the caller, and who may see what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from pipeline.service.errors import ApiError, not_found
from pipeline.service.service import Service
from pipeline.service.tokens import Caller


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _caller(request: Request) -> Caller:
    caller: Caller | None = request.state.caller
    return caller or Caller("user")


ServiceOf = Annotated[Service, Depends(_service)]
CallerOf = Annotated[Caller, Depends(_caller)]


async def operator(caller: CallerOf) -> Caller:
    """The caller, who must be an operator. ApiError 403."""
    if not caller.operator:
        raise ApiError(403, "forbidden", "Only an operator may do this.", "Send an operator's token.")
    return caller


Operator = Annotated[Caller, Depends(operator)]


def check(service: Service, caller: Caller, conversation: str) -> None:
    """Whether the caller may see a conversation: they hold its id, and opened it or are an operator. ApiError 404."""
    owner = service.dialogues.conversations.owner(conversation)
    if service.tokens and not caller.operator and owner != caller.owner:
        raise not_found("conversation", "Open one with POST /conversations.")


def owns(service: Service, caller: Caller, note: Mapping[str, Any]) -> bool:
    """Whether the caller may see what is noted of a file or a batch: it was made with their token, or they are an
    operator.
    """
    return not service.tokens or caller.operator or note["by"] == caller.owner
