"""Measuring: what a contract's grammar is worth, and what decoding costs."""
