"""Command line: each file is one command, parsing arguments and calling the library."""

import os

# Threads of torch that spin while they wait take the cores from whatever else runs, an encoder for one: with them a
# model of 135 million parameters took nine to fifteen times as long on two busy cores. Read when torch is loaded, so
# it has to be set before; what commands start inherits it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
