"""Quarantine: which record is to blame when the process that served it was killed. Knows counts; reads no journal.

A record can kill its process: a parser that overflows the stack, a text that makes a library take all memory. What is
killed tells nobody why, so the journal can only count who was there. The rule:

1.  A run that came to its end says so in the journal, whatever ended it. One that does not was killed, and every record
    that it had started and not finished is a suspect: `suspicion` + 1, and + 2 if it was served alone.
2.  Records without suspicion come first, at full concurrency, so that the batch goes on whatever the suspects do. Then
    the suspects are served one at a time, those that were killed alone last of all. A suspect that comes to an end has
    cleared itself.
3.  A record that was alone with two kills is quarantined: it fails with a sentence, and the batch goes on. One poison
    record costs three kills: one in company, two alone. `interlock run --retry ID` gives it a clean slate.

Kills from outside (a machine taken away, a test) hit the innocent as well, one serving alone with the probability p
that a kill falls into it. Such kills give themselves away: all that were in flight then have cleared themselves since,
or there was nothing in flight. Each is `unexplained`, and the more of them, the greater p may be; as n kills of the
same record have the probability p^n, one more is asked for each time that they double in number: 2 without any, 3
after one, 4 after two or three, 8 after fifty.
"""

from __future__ import annotations

TWICE = 2
"""Kills alone that convict a record, where no kill is unexplained."""


def convicted(suspicion: int, unexplained: int) -> bool:
    """Whether a record is not to be served again. Of its suspicion, 1 is from a kill in company, 2 from each alone."""
    return suspicion // 2 >= TWICE + unexplained.bit_length()


def sentence(id: str, suspicion: int) -> str:
    """Why a record failed."""
    times = "twice" if suspicion // 2 == TWICE else f"{suspicion // 2} times"
    return (
        f"The process ended {times} while this record was served alone; look for what kills it, then retry with"
        f" --retry {id}."
    )
