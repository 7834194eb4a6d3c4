"""A table as an app: each row is answered under one contract or schema."""

from pipeline.workflows.table.table import Table, source_of
from pipeline.workflows.table.workflow import app_of

__all__ = ["Table", "app_of", "source_of"]
