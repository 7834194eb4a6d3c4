"""The files of an index: passages, vectors and their versions, swapped as one."""
