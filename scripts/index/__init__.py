"""`interlock index`: build an index of documents, search it by hand, prove that it finds what it should."""

from __future__ import annotations

from scripts.commands import Commands
from scripts.index.benchmark import benchmark
from scripts.index.build import build
from scripts.index.evaluate import measure
from scripts.index.inspect import inspect
from scripts.index.make_questions import make_questions
from scripts.index.search import search
from scripts.index.tune import tune_index
from scripts.index.verify import verify
from scripts.index.versions import use, versions

app = Commands(help="Build, search and prove the index that answers are drawn from.", no_args_is_help=True)
app.command()(build)
app.command()(search)
app.command()(verify)
app.command("tune")(tune_index)
app.command()(versions)
app.command()(use)
app.command("evaluate")(measure)
app.command()(benchmark)
app.command()(inspect)
app.command("make-questions")(make_questions)
