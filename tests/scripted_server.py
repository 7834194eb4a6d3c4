"""ScriptedServer: an OpenAI-compatible server on a real socket whose answers are written down beforehand.

It stands for servers that behave in a given way: ones that ignore a field, cut answers, put them elsewhere, refuse.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeAlias

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer of /v1/chat/completions: its status and its body, or the `pieces` of a stream that may be `lost`."""

    status: int
    body: Mapping[str, Any]
    pieces: Sequence[Mapping[str, Any]] = ()
    lost: bool = False


def says(content: str | None, *, finish_reason: str = "stop", tokens: int = 7, **fields: str | None) -> Reply:
    """A completion. `fields` stand beside the content in the message: `reasoning_content="…"`, `reasoning="…"`."""
    message = {"role": "assistant", "content": content, **fields}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": 11 + tokens}
    head = {"id": "scripted", "object": "chat.completion", "created": 0, "model": "scripted"}
    return Reply(200, {**head, "choices": [choice], "usage": usage})


def tells(*texts: str, lost: bool = False) -> Reply:
    """A completion as a stream of these texts; `lost`: the connection breaks behind them."""
    head = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    pieces: list[Body] = [
        {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    pieces.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 11, "completion_tokens": len(texts), "total_tokens": 11 + len(texts)}
    pieces.append({**head, "choices": [], "usage": usage})
    return Reply(200, {}, pieces[:-2] if lost else pieces, lost)


def refuses(status: int, message: str) -> Reply:
    """An error in the form that OpenAI's client understands."""
    return Reply(status, {"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}})


class ScriptedServer:
    """Serves between `with` and the end of the block, at `url`.

    `script`: the replies in order, or a function from a request's body to its reply; a request beyond the last reply
    gets a 500. `requests` holds every body of /v1/chat/completions and of /v1/completions so far. `version`: what
    /version reports, or None for a server that has no such path; `tokenizes`: whether it has /tokenize, where a byte of
    content is a token. `metrics`: what /metrics says, None for a server without it. `root`: the folder or name that it
    says its model was loaded from. `port`: 0 for any that is free.
    """

    def __init__(
        self,
        script: Sequence[Reply] | Callable[[Body], Reply],
        *,
        model: str = "scripted",
        root: str = "",
        context: int | None = 4096,
        version: str | None = "0.0.1",
        tokenizes: bool = True,
        metrics: str | None = None,
        port: int = 0,
    ) -> None:
        self.requests: list[Body] = []
        self._script = script
        self._lock = threading.Lock()
        self._gets: dict[str, Body] = {
            "/health": {},
            "/v1/models": {
                "object": "list",
                "data": [{"id": model, "root": root, "object": "model", "max_model_len": context}],
            },
        }
        if version is not None:
            self._gets["/version"] = {"version": version}
        self._tokenizes, self._metrics = tokenizes, metrics
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _get(self, path: str) -> Reply:
        body = self._gets.get(path)
        return refuses(404, "Not Found") if body is None else Reply(200, body)

    def _post(self, path: str, body: Body) -> Reply:
        if path == "/tokenize" and self._tokenizes:
            texts = [turn["content"] for turn in body["messages"]] if "messages" in body else [body["prompt"]]
            return Reply(200, {"count": sum(len(text.encode()) for text in texts)})
        if path not in ("/v1/chat/completions", "/v1/completions"):
            return refuses(404, "Not Found")
        with self._lock:
            self.requests.append(body)
            turn = len(self.requests) - 1
        if callable(self._script):
            return self._script(body)
        return self._script[turn] if turn < len(self._script) else refuses(500, "The script has ended.")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics" and server._metrics is not None:
                    self._send(200, "text/plain", server._metrics.encode())
                    return
                self._answer(server._get(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(server._post(self.path, body))

            def _answer(self, reply: Reply) -> None:
                if reply.pieces:
                    self._stream(reply)
                    return
                self._send(reply.status, "application/json", json.dumps(reply.body).encode())

            def _send(self, status: int, kind: str, payload: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def _stream(self, reply: Reply) -> None:
                self.send_response(reply.status)
                self.send_header("Content-Type", "text/event-stream")
                if reply.lost:
                    self.send_header("Content-Length", "1000000")
                self.end_headers()
                for piece in reply.pieces:
                    self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
                if not reply.lost:
                    self.wfile.write(b"data: [DONE]\n\n")
                self.close_connection = True

            def log_message(self, *_: object) -> None: ...

        return Handler
