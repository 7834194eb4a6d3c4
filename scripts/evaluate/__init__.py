"""`interlock evaluate`: how well models, gates and desks do their work, against labels. One file a subject; this one
mounts their subcommands.
"""

from __future__ import annotations

from scripts.commands import Commands
from scripts.evaluate.clarify import clarify
from scripts.evaluate.forms import fill, sample
from scripts.evaluate.gate import gate
from scripts.evaluate.models import models
from scripts.evaluate.results import results

app = Commands(help="Measure how well a model does its work.", no_args_is_help=True)
app.command()(gate)
app.command()(clarify)
app.command()(fill)
app.command()(sample)
app.command()(models)
app.command()(results)
