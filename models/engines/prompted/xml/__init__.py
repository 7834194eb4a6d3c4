"""A contract as XML: its form, and what models make of it, read back. Neither knows an engine."""
