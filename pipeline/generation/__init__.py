"""Asking a model: a value of a contract under its grammar, the rescue of one that was refused, and passages."""
