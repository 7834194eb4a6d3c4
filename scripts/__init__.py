"""Command line: each file is one command, parsing arguments and calling the library."""
