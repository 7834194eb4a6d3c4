"""An engine that takes no grammars, asked for XML in words and read back."""
