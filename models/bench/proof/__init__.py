"""Proof that contracts hold: random contracts, random completions, verdicts, and the plain way beside ours."""
