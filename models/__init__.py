"""How text is generated. This package loads no engine: import the one you want from its own module.

It has torch's threads sleep while they wait (models/threads.py), which takes effect where it is imported before torch.
"""

from models.contract import Contract
from models.errors import ContractError
from models.said import Quote, Said, Scratchpad, Unread
from models.threads import wait_passively
from models.values.money import Money

__all__ = ["Contract", "ContractError", "Money", "Quote", "Said", "Scratchpad", "Unread"]

wait_passively()
