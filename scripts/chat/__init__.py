"""`interlock chat`: one conversation with an app, in a terminal or through pipes."""

from scripts.chat.command import chat

__all__ = ["chat"]
