"""The same app for lines that name whatever model: the one that serves answers all of them."""

from __future__ import annotations

from pipeline.workflows.completions.workflow import app_of

app = app_of(any_model=True)
