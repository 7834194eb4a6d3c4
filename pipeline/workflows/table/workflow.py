"""The one workflow of a table's app: a row, with passages if there is an index, is answered by the model."""

from __future__ import annotations

import json
from collections.abc import Iterable

from models.contract import Contract
from models.engines.engine import Decoding, Message
from models.errors import PromptTooLong
from pipeline.app import App
from pipeline.completions.request import Request
from pipeline.completions.shape import json_shape
from pipeline.errors import UsageError
from pipeline.outcome import Ending
from pipeline.record import CHAT, BadRecord
from pipeline.run.declaration import workflow
from pipeline.run.run import Run
from pipeline.workflows.table.table import ID, VALUE, Table


def app_of(table: Table) -> App:
    """The table as an app. UsageError or ContractError for what cannot be served."""
    table.columns()
    kind = table.kind()
    table.check_names(_fields(table, kind))
    if ID in table.keep:
        mend = "leave it out" if table.id == ID else f"give --id {ID} if it names the rows, or rename the column"
        raise UsageError(f"--keep {ID} would stand where a row's own id does: {mend}.")

    @workflow(intent="row", examples=["A row."])
    async def row(run: Run) -> Ending:
        """Answer a row of a table."""
        columns = json.loads(run.text)
        asked = table.asked(columns)
        passages = await run.retrieve(asked, table.k) if table.k else []
        messages = table.messages(asked, [passage.text for passage in passages])
        value: object
        try:
            if table.schema:
                request = _request(table, messages)
                told = await run.complete(request, any_model=True)
                value = json.loads((told.result or {})["choices"][0]["message"]["content"])
            else:
                answered: Contract = await run.write(kind, asked, messages, passages)
                value = answered.public()
        except PromptTooLong as error:
            raise UsageError(f"The row is too long: {error.what}") from None
        return Ending("completed", result=table.answer(columns, value), contract=kind.__name__)

    return App(f"{kind.__name__} {table.digest()}", [row], reads=table.read)


def _fields(table: Table, kind: type[Contract]) -> Iterable[str]:
    """The names that the fields of an answer have, as far as they are known before there is one."""
    if not table.schema:
        schema = kind.model_json_schema(mode="serialization")
        own = schema.get("$defs", {}).get(str(schema.get("$ref")).removeprefix("#/$defs/"), schema)  # if inside itself
        fields: dict[str, object] = own.get("properties", {})
        return fields
    schema = json.loads(table.schema)
    named = schema.get("properties", ()) if isinstance(schema, dict) else ()
    if isinstance(schema, dict) and ("enum" in schema or schema.get("type", "object") != "object"):
        return (VALUE,)
    return named if isinstance(named, dict) else ()


def _request(table: Table, messages: tuple[Message, ...]) -> Request:
    try:
        shape = json_shape(json.loads(table.schema), "Answer", "schema")
    except BadRecord as error:
        raise UsageError(str(error)) from error
    return Request(CHAT, "", messages, Decoding(), shape=shape)
