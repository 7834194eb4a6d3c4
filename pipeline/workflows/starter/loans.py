"""Loans: who has which book, in a file. Stands for the system that you have already."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

TERM = timedelta(weeks=4)
LONGEST = timedelta(weeks=12)

TABLES = """
    CREATE TABLE IF NOT EXISTS loan (
        card TEXT PRIMARY KEY, title TEXT NOT NULL, since TEXT NOT NULL, due TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS renewal (
        key TEXT PRIMARY KEY, card TEXT NOT NULL, title TEXT NOT NULL, due TEXT NOT NULL
    );
"""
SAMPLE = [("L-10234", "The Left Hand of Darkness", 14), ("L-20077", "Middlemarch", 83), ("L-31415", "Flatland", 3)]


@dataclass(frozen=True)
class Loan:
    """A book that is out."""

    card: str
    title: str
    since: date
    due: date

    def due_after_renewal(self, today: date) -> date:
        return today + TERM


@dataclass(frozen=True)
class Renewed:
    """What an action says that it did."""

    title: str
    due: date


class Loans:
    def __init__(self, state: Path) -> None:
        self.path = state / "loans.sqlite"

    @classmethod
    def create(cls, state: Path, today: date) -> None:
        """The file with a few loans, unless it has some: called at the start of every run, perhaps by two at once."""
        loans = cls(state)
        rows = [(card, title, today - timedelta(days=days)) for card, title, days in SAMPLE]
        with closing(sqlite3.connect(loans.path)) as database, database:
            database.executescript(f"BEGIN IMMEDIATE; {TABLES}")
            if database.execute("SELECT 1 FROM loan").fetchone() is None:
                database.executemany(
                    "INSERT INTO loan VALUES (?, ?, ?, ?)",
                    [(card, title, since.isoformat(), (since + TERM).isoformat()) for card, title, since in rows],
                )

    def find(self, card: str) -> Loan | None:
        with closing(sqlite3.connect(self.path)) as database:
            row = database.execute("SELECT card, title, since, due FROM loan WHERE card = ?", (card,)).fetchone()
        return Loan(row[0], row[1], date.fromisoformat(row[2]), date.fromisoformat(row[3])) if row else None

    def renew(self, card: str, today: date, key: str) -> Renewed | None:
        """Once for a key, however often it is called: the key is kept in the same transaction as the effect."""
        done, loan = self.renewed(key), self.find(card)
        if done or loan is None:
            return done
        due = loan.due_after_renewal(today).isoformat()
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("INSERT INTO renewal VALUES (?, ?, ?, ?)", (key, card, loan.title, due))
            database.execute("UPDATE loan SET due = ? WHERE card = ?", (due, card))
        return self.renewed(key)

    def renewed(self, key: str) -> Renewed | None:
        with closing(sqlite3.connect(self.path)) as database:
            row = database.execute("SELECT title, due FROM renewal WHERE key = ?", (key,)).fetchone()
        return Renewed(row[0], date.fromisoformat(row[1])) if row else None
