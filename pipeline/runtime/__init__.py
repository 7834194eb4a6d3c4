"""One record from its text to its ending, and the folder it is served in."""
