"""A step happens once: its result is in the journal before it is used, and a replay takes it from there."""
