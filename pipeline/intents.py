"""The two names that no intent may have: what a gate says beside intents; and the field of the question it asks."""

OUT_OF_SCOPE = "out_of_scope"
AMBIGUOUS = "ambiguous"
GATE_FIELD = "intent"
