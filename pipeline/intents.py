"""The two names that no intent may have: what a gate says beside intents."""

OUT_OF_SCOPE = "out_of_scope"
AMBIGUOUS = "ambiguous"
