"""The parts of a grammar: what each kind of field becomes. Every fragment admits a subset of what Pydantic accepts."""
