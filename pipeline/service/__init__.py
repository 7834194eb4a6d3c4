"""An app over HTTP: conversations, escalations, runs, a page. `service.serving` opens it, `server.serve` answers.

Importing it is cheap: FastAPI and uvicorn come with those two.
"""

from pipeline.service.limits import Limits
from pipeline.service.tokens import Tokens

__all__ = ["Limits", "Tokens"]
