"""EML files: a mail's subject as heading, and its text; of one that is sent both ways the plain text, else the HTML.

Who wrote it to whom, and when, is metadata. Attachments are named, and not read.
"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime

from index.reading.extracted import Extracted, TextWriter
from index.reading.html import read_page
from index.reading.metadata import flat
from index.reading.reading import Unreadable

_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def extract_eml(content: bytes) -> Extracted:
    """Raises Unreadable; and, for a file that is broken in a new way, anything else."""
    mail = message_from_bytes(content, EmailMessage, policy=default)
    if not mail.keys():
        raise Unreadable("is no readable EML (it has no headers)")
    subject = str(mail.get("subject", "")).strip()
    writer = TextWriter()
    writer.heading(1, subject)
    body = mail.get_body(("plain", "html"))
    if body is not None and body.get_content_type() == "text/html":
        read_page(body.get_content().encode(), writer)
    elif body is not None:
        for paragraph in _PARAGRAPH.split(body.get_content().replace("\r\n", "\n")):
            writer.block(paragraph)
    attached = [name for part in mail.iter_attachments() if (name := part.get_filename())]
    about = {
        "title": subject,
        "from": str(mail.get("from", "")),
        "to": str(mail.get("to", "")),
        "date": _date(str(mail.get("date", ""))),
        "attachments": ", ".join(attached),
    }
    return writer.done(flat({name: value for name, value in about.items() if value}))


def _date(written: str) -> str:
    """In ISO 8601, so that conditions can order it; as it is written where that says no day."""
    try:
        return parsedate_to_datetime(written).isoformat()
    except ValueError:
        return written
