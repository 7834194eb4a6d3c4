"""Slot filling: from what was said to a complete form, and the questions for what is missing."""
