"""A made-up question of a customer with its answer."""

from typing import Annotated

from pydantic import StringConstraints

from models import Contract


class Dialogue(Contract):
    question: Annotated[str, StringConstraints(min_length=10, max_length=120)]
    answer: Annotated[str, StringConstraints(min_length=10, max_length=120)]
