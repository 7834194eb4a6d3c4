"""PPTX files: the slides in order, each under its title, with their tables and the speaker's notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import pptx

from index.reading.archive import check_archive
from index.reading.extracted import Extracted, TextWriter
from index.reading.metadata import flat


def extract_pptx(content: bytes) -> Extracted:
    """Raises Unreadable; and, for a file that is broken in a new way, anything else."""
    check_archive(content, "PPTX")
    presentation = pptx.Presentation(BytesIO(content))
    writer = TextWriter()
    for number, slide in enumerate(presentation.slides, start=1):
        title = slide.shapes.title
        named = title is not None and title.text_frame.text.strip()
        writer.heading(1, title.text_frame.text if named and title is not None else f"Slide {number}")
        for shape in _in_order(slide.shapes):
            if title is not None and shape.shape_id == title.shape_id:
                continue
            if shape.has_table:
                writer.table([[cell.text for cell in row.cells] for row in shape.table.rows])
            elif shape.has_text_frame:
                paragraphs = [paragraph for paragraph in shape.text_frame.paragraphs if paragraph.text.strip()]
                mark = "- " if len(paragraphs) > 1 else ""
                writer.block("\n".join(f"{'  ' * one.level}{mark}{one.text.strip()}" for one in paragraphs))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            writer.block(slide.notes_slide.notes_text_frame.text)
    about = presentation.core_properties
    return writer.done(flat({"title": about.title, "author": about.author, "subject": about.subject}))


def _in_order(shapes: Iterable[Any]) -> Iterator[Any]:
    """Shapes as they are read, from above and from the left; those of a group one after another.

    A placeholder that stands where its layout puts it has no place of its own, and comes in the file's order first.
    """
    for shape in sorted(shapes, key=lambda one: (one.top or 0, one.left or 0)):
        if hasattr(shape, "shapes"):
            yield from _in_order(shape.shapes)
        else:
            yield shape
