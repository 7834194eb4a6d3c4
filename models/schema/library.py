"""Library: the documents that the references of a schema may lead to: its own, what a schema is, and the files of its
folder.

Knows which document an address means, by RFC 3986 and JSON Schema's base URIs. Never asks the network.
"""

from __future__ import annotations

from urllib.parse import unquote

from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator

from models.schema.places import Place, Places, joined
from models.schema.refusal import step
from models.schema.schema_folder import FileFault, SchemaFile

METASCHEMAS = {
    f"{scheme}://json-schema.org/draft-0{draft}/schema": kind.META_SCHEMA
    for draft, kind in ((4, Draft4Validator), (6, Draft6Validator), (7, Draft7Validator))
    for scheme in ("http", "https")
}
"""What a schema is, which schemas refer to that hold one: those drafts that are one document each."""

Reason = tuple[str, str]
"""Why a reference leads nowhere, to be said behind it, and what to do."""


class Library:
    """`root`: the schema that was given; `file`: what it was read from, None where that is unknown. `files`: the names
    of those that were led to."""

    def __init__(self, root: Places, file: SchemaFile | None) -> None:
        self.root, self.file = root, file
        self._loaded: dict[str, Places] = {root.address: root}
        self.files: tuple[str, ...] = ()

    def find(self, ref: str, base: str, within: Places) -> Place | Reason | None:
        """What `ref` means in the document `within` where references start from `base`; else why that is not known,
        None where nothing is."""
        address, _, fragment = ref.partition("#")
        whole, fragment = joined(base, address), unquote(fragment)
        found = within.find(whole, fragment)
        if found is not None:
            return found
        if whole in METASCHEMAS:
            return self._document(whole, METASCHEMAS[whole], step("$", whole)).find(whole, fragment)
        if self.file is None:
            return None
        try:
            file = self.file.at(within.address).leads_to(whole, within.root.base)
            content = file.schema
        except FileFault as fault:
            return str(fault), fault.hint
        except ValueError:  # "http://[bad"
            return None
        if file.address == self.root.address and content == self.root.plain:
            document = self.root
        else:
            document = self._document(f"{file.address}#", content, step("$", file.name))
            self.files = tuple(dict.fromkeys((*self.files, file.name)))
        told = f"and {file.name} has nothing there", "Correct the reference."
        return document.find(file.address, fragment) or told

    def _document(self, key: str, plain: object, path: str) -> Places:
        if key not in self._loaded:
            self._loaded[key] = Places(plain, path, key.removesuffix("#"))
        return self._loaded[key]

    def dynamic(self, anchor: str) -> int:
        """In how many schemas of all that were looked into a dynamic anchor stands."""
        return sum(places.dynamic(anchor) for places in self._loaded.values())
