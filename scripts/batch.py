"""`interlock batch`: the model's own answers to a batch in OpenAI's form, in a folder that the same command goes on
with.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from models.errors import reason_of
from models.schema.document import document
from models.schema.schema_folder import YAML, FileFault, SchemaFile, read_file
from pipeline import Launch, Outcome, UsageError, load_app, read_requests
from pipeline.app import App
from pipeline.batch.openai_files import OPENAI, OUTPUT, TABLE, Form, write_files
from pipeline.batch.ordering import order_results
from pipeline.batch.parquet import check_parquet, write_parquet
from pipeline.batch.requests import Requests
from pipeline.batch.shards import refuse_shard
from pipeline.batch.sources import named
from pipeline.batch.summary import Summary
from pipeline.batch.table_rows import is_table, table_rows
from pipeline.completions.trial import Trial
from pipeline.files import as_line, growing, write_lines
from pipeline.json_text import JsonFault, read_json
from pipeline.runtime.folder import Folder
from pipeline.workflows.table import Table, app_of, source_of
from scripts import options
from scripts.batch_estimate import estimate
from scripts.batch_run import check_cluster, complain_of, serve_batch
from scripts.console import complain, concurrency_of, console
from scripts.progress import progress_bar
from scripts.unused import refuse_unused

APP = "pipeline.workflows.completions"
APP_FILE = "app.py"
"""In the folder of results: the app of a table, which says all that its rows are answered with."""


def batch(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Option("-i", "--input", help="Files of rows: paths, patterns, folders of texts, addresses, - for stdin."),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUTDIR", help="Folder for results; the same again continues.")
    ],
    model: options.Model = "models/tiny",
    any_model: Annotated[bool, typer.Option(help="Answer whatever model a row names.")] = False,
    contract: Annotated[
        str, typer.Option(metavar="FILE.py:CLASS", help="The rows are a table's, each answered under this contract.")
    ] = "",
    schema: Annotated[Path | None, typer.Option(help="The same under a JSON Schema.")] = None,
    prompt: Annotated[
        Path | None, typer.Option(help="A template over the columns, such as {text}; by default the whole row.")
    ] = None,
    system: Annotated[str, typer.Option(help="What the model is told first.")] = "",
    id: Annotated[str, typer.Option("--id", help="The column that names a row; by default its number does.")] = "",
    keep: Annotated[list[str] | None, typer.Option(help="A column to keep beside the answer; repeat it.")] = None,
    index: Annotated[Path | None, typer.Option(help="An index, of which passages are put before each row.")] = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="How many passages, with --index.")] = 4,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Also OUTDIR/output.parquet, with the contract's types.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Only the first so many rows of the input; 0: all.")] = 0,
    sample: Annotated[int, typer.Option(min=0, help="Only so many rows, spread over the input; 0: all.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check all, answer twenty rows, estimate the rest; keep nothing.")
    ] = False,
    ordered: options.Ordered = False,
    concurrency: Annotated[
        str, typer.Option(metavar="N|auto", help="Rows under way at once; auto follows the servers' queues.")
    ] = "16",
    seed: options.Seed = 0,
    enforcement: options.Enforcement = "grammar",
    thinking: options.Thinking = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Serve again: failed or a custom_id; repeat the option.")
    ] = None,
    accept_changes: options.Accept = False,
    ray: options.Ray = "",
    wait: options.Wait = 180,
    shards: Annotated[int, typer.Option(min=0, help="Shards to deal the rows to, by custom_id; with --ray.")] = 0,
) -> None:
    """Answer a batch with the model itself: OpenAI's lines, or the rows of a table under a contract or a schema."""
    sources = named(inputs)
    if index is None:
        refuse_unused(context, "is how many passages of an index are put before each row: give --index, too.", "k")
    if dry_run:
        why = "is about the answers, and --dry-run keeps none: leave one of them out."
        refuse_unused(context, why, "retry", "ordered", "parquet", "accept_changes")
        refuse_unused(context, "is of a cluster, and --dry-run answers its rows here: leave it out.", "ray", "shards")
    table = _table(contract, schema, prompt, system, id, keep or [], k if index else 0)
    if table is None and (prompt or system or id or keep or index or parquet):
        raise UsageError(
            "--prompt, --system, --id, --keep, --index and --parquet are for a table: give --contract or --schema."
        )
    if table is None and (tables := [source for source in sources if is_table(source)]):
        raise UsageError(f"{tables[0]} is a table: say what its rows are answered under, with --contract or --schema.")
    if parquet:
        check_parquet()
    if table is not None and any_model:
        raise UsageError("--any-model is for OpenAI's lines: the rows of a table name no model.")
    launch = Launch(
        app=str(out / APP_FILE) if table else f"{APP}.any_model" if any_model else APP,
        model=model,
        index=None if index is None else str(index.resolve()),
        enforcement=enforcement,
        thinking=thinking,
        concurrency=concurrency_of(concurrency),
        seed=seed,
        ray=ray,
        shards=shards,
        wait=wait,
    )
    refuse_shard(out)
    check_cluster(launch)
    app = load_app(launch.app) if table is None else app_of(table)
    if table is not None:
        _tell_unheard(table.unheard())
    rows = partial(table_rows, several=len(sources) > 1) if table else None
    with closing(Trial()) as trial:  # what one line demands is not to keep all others waiting
        read = trial.before(app.read) if table is None else app.read
        asked = read_requests(sources, read, rows, id or "custom_id", limit)
    if sample:
        asked.sample(sample)
    if dry_run:
        print(json.dumps(asyncio.run(estimate(app, asked, launch))))
        raise typer.Exit(0)
    _answer(app, asked, out, launch, table, retry or (), accept_changes, ordered, parquet)


def _answer(
    app: App,
    asked: Requests,
    out: Path,
    launch: Launch,
    table: Table | None,
    retry: Sequence[str],
    accept_changes: bool,
    ordered: bool,
    parquet: bool,
) -> None:
    """Answer what is left in a folder, bring its files to that, and exit as `interlock batch` does."""
    form = OPENAI if table is None else TABLE
    if table is not None:
        _keep_app(out, source_of(table), accept_changes)
    complain_of(asked, out, "refused", "Line" if table is None else "Row")
    try:
        summary, stopped = asyncio.run(_serve(app, asked, out, launch, retry, accept_changes, form))
    except (KeyboardInterrupt, asyncio.CancelledError):
        write_files(out, asked.bad_lines(), form)
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(130) from None
    except BaseException:
        if Folder(out).journal.is_file():
            write_files(out, asked.bad_lines(), form)
        raise
    if ordered:
        order_results(Folder(out).results, (record.id for record in asked))
    counts = write_files(out, asked.bad_lines(), form)
    if table is not None and parquet:
        schema_of = json.loads(table.schema) if table.schema else table.kind().model_json_schema(mode="serialization")
        write_parquet(out / OUTPUT, schema_of, table.keep)
    rate = summary.finished / summary.seconds if summary.seconds else 0.0
    console.print(
        f"{counts.completed} answered in {out / OUTPUT}, {counts.failed} refused or failed in {out / 'errors.jsonl'};"
        f" this run: {summary.finished} in {summary.seconds:.1f} s ({rate:.1f} rows/s).",
        markup=False,
    )
    print(json.dumps({**counts.row(), **summary.row()}, ensure_ascii=False))
    if stopped:
        console.print("Stopped; the same command goes on from here.")
    raise typer.Exit(130 if stopped else summary.exit_code or int(asked.errors > 0))


def _table(
    contract: str,
    schema: Path | None,
    prompt: Path | None,
    system: str,
    id: str,
    keep: Sequence[str],
    k: int,
) -> Table | None:
    if contract and schema:
        raise UsageError("There are both --contract and --schema: give one of them.")
    if not contract and not schema:
        return None
    if contract:
        file, colon, name = contract.rpartition(":")
        contract = f"{Path(file).resolve()}{colon}{name}" if file.endswith(".py") else contract
    return Table(contract, _schema(schema), _read(prompt), system, id, tuple(keep), k)


def _schema(file: Path | None) -> str:
    """The text of a schema, as JSON; with all that it leads to in other files, so that the folder of results needs none
    of them. SchemaRefused for a reference that leads nowhere."""
    if file is None or not file.is_file():
        return _read(file)
    try:
        text = json.dumps(read_file(file), ensure_ascii=False) if file.suffix.lower() in YAML else _read(file)
        read = document(read_json(text, "The schema"), file=SchemaFile.beside(file))
    except FileFault as fault:
        raise UsageError(f"{file} {fault}.") from None
    except JsonFault:
        return text  # the table says what is wrong with it
    if not read.files:
        return text
    _tell_unheard(read.notes.ignored)
    return json.dumps(read.alone(), ensure_ascii=False)


def _tell_unheard(keywords: Iterable[str]) -> None:
    if told := ", ".join(keywords):
        complain(f"This of the schema says nothing by the standard, and is not obeyed: {told}.")


def _read(file: Path | None) -> str:
    try:
        return "" if file is None else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read ({reason_of(error)}): check the path.") from error


def _keep_app(out: Path, source: str, accept_changes: bool) -> None:
    """Write the app into the folder. UsageError if another one is there, unless changes are accepted."""
    file = out / APP_FILE
    if file.exists() and file.read_text(encoding="utf-8") != source and not accept_changes:
        raise UsageError(
            f"{out} was made with another contract, prompt, system text or columns (see {file}): use a new folder, the"
            " same as before, or go on with --accept-changes."
        )
    Folder(out).make()
    write_lines(file, source.splitlines())


async def _serve(
    app: App, asked: Requests, out: Path, launch: Launch, retry: Sequence[str], accept_changes: bool, form: Form
) -> tuple[Summary, bool]:
    bar = progress_bar()
    task = bar.add_task("Answering", total=asked.records)
    tokens = 0

    def counted(id: str, status: str) -> None:
        took = bar.tasks[0].elapsed
        told = f"Answering, {tokens / took:,.0f} tokens/s" if tokens and took else "Answering"
        bar.update(task, advance=1, description=told)

    @contextmanager
    def keeping() -> Iterator[Callable[[Outcome], None]]:
        if Folder(out).journal.is_file():
            write_files(out, asked.bad_lines(), form)  # which mends a line that a crash cut in half
        out.mkdir(parents=True, exist_ok=True)
        with growing(out / OUTPUT) as output:

            def keep(outcome: Outcome) -> None:
                nonlocal tokens
                tokens += outcome.receipt.tokens["completion"]
                if outcome.status == "completed":
                    row = {"custom_id": outcome.custom_id, "result": outcome.ending.result}
                    output.add(as_line(form.answered(row)))

            yield keep

    return await serve_batch(
        app, asked, out, launch, bar, counted, retry=retry, accept_changes=accept_changes, keeping=keeping
    )
