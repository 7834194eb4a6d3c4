"""What is taken out of a review."""

from typing import Literal

from pydantic import Field

from models import Contract, Said


class Review(Contract):
    product: Said[str] = Field(description="What was bought?")  # words of the review, never others
    mood: Literal["good", "bad", "mixed"]
    stars: int = Field(ge=1, le=5)
    complaint: Said[str] | None = Field(None, description="What is wrong with it?")
