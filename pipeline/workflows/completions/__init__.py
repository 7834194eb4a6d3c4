"""Completions: the model itself as an app. Each line of a batch in OpenAI's form is answered as it asks to be."""

from __future__ import annotations

from pipeline.workflows.completions.workflow import app_of

app = app_of(any_model=False)
