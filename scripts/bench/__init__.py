"""`interlock bench`: speed, measured on real work. One file a subcommand; this one mounts them."""

from __future__ import annotations

from scripts.bench.batch import batch
from scripts.bench.compare import compare
from scripts.bench.decode import decode
from scripts.bench.dialogues import dialogues
from scripts.bench.embedded import embedded
from scripts.bench.embedding import embedding
from scripts.bench.gate import gate
from scripts.bench.gpu import gpu
from scripts.bench.grammar import grammar
from scripts.bench.index import index
from scripts.bench.pipeline import pipeline
from scripts.bench.schemas import schemas
from scripts.bench.serve import serve
from scripts.bench.validity import validity
from scripts.commands import Commands

app = Commands(no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure speed, on real work. docs/benchmarks.md has figures, with their commands."""


app.command("batch")(batch)
app.command("compare")(compare)
app.command("decode")(decode)
app.command("dialogues")(dialogues)
app.command("embedded")(embedded)
app.command("embedding")(embedding)
app.command("gate")(gate)
app.command("gpu")(gpu)
app.command("grammar")(grammar)
app.command("index")(index)
app.command("pipeline")(pipeline)
app.command("schemas")(schemas)
app.command("serve")(serve)
app.command("validity")(validity)
