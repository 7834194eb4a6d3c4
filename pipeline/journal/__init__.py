"""What is kept of every run, in one SQLite file: the single truth that all else is a reading of."""
