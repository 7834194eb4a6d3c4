"""How text is generated. This package loads no engine: import the one you want from its own module."""

from models.contract import Contract
from models.errors import ContractError
from models.said import Quote, Said, Scratchpad, Unread
from models.values.money import Money

__all__ = ["Contract", "ContractError", "Money", "Quote", "Said", "Scratchpad", "Unread"]
