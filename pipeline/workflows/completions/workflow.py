"""The one workflow of the app: a request is read, and the model answers it. Also how a line becomes a record."""

from __future__ import annotations

import json

from models.errors import PromptTooLong
from pipeline.app import App
from pipeline.completions.request import read_request
from pipeline.errors import UsageError
from pipeline.outcome import Ending
from pipeline.record import BadRecord, Record, Turn, read_id
from pipeline.run.declaration import workflow
from pipeline.run.run import Run


def read_line(line: object) -> Record:
    """The record of a line in OpenAI's batch form: custom_id, method, url, body. BadRecord names what is refused."""
    if not isinstance(line, dict):
        raise BadRecord("The line is not a JSON object.")
    id = read_id(line.get("custom_id"))
    try:
        for name in line.keys() - {"custom_id", "method", "url", "body"}:
            raise BadRecord(f'"{name}" is refused: a line has custom_id, method, url and body.')
        if line.get("method", "POST") != "POST":
            raise BadRecord('"method" is not POST.')
        read_request(line.get("url"), line.get("body"))
    except BadRecord as error:
        raise BadRecord(str(error), id) from None
    asked = json.dumps([line["url"], line["body"]], ensure_ascii=False)
    try:
        asked.encode()
    except UnicodeEncodeError:
        raise BadRecord('"body" holds half of a surrogate pair, which is no text.', id) from None
    return Record(id, (Turn("customer", asked),))


def app_of(any_model: bool) -> App:
    """The app; `any_model`: it answers whichever model a request names."""

    @workflow(intent="completion", examples=["Say hello."])
    async def completion(run: Run) -> Ending:
        """Answer a request of OpenAI's API."""
        url, body = json.loads(run.text)
        request = read_request(url, body)
        try:
            return await run.complete(request, any_model)
        except PromptTooLong as error:
            raise UsageError(f'"{request.asks_by}" is too long: {error.what}') from None

    return App("completions, any model" if any_model else "completions", [completion], reads=read_line)
