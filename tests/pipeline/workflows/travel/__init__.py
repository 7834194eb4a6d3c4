"""A package, so that its modules may share their names with those one folder up."""
