"""From files to documents, whatever their format; what cannot be read is listed with the reason, the rest is read.

`library.py` is the way in, `files.py` finds, `formats.py` is the table of formats, each of which has a file.
"""

from index.reading.library import iterate_documents, read_documents
from index.reading.metadata import front_matter_end
from index.reading.reading import Reading, Unread

__all__ = ["Reading", "Unread", "front_matter_end", "iterate_documents", "read_documents"]
