"""Forms of a user's own: contracts, JSON Schemas of a folder, prompts, and prompts of a length. Knows no server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from models.bench.proof.schema_files import read_folder
from models.bench.throughput.forms import Form
from models.bench.throughput.prompts import Prompt
from models.contract import Contract
from models.errors import ContractError, ModelNotFound

INSTRUCTIONS = "Answer in JSON with exactly the fields of the form, from what the customer says."


def contract_forms(contracts: Mapping[str, type[Contract]]) -> list[Form]:
    """A form for each contract, under its name."""
    return [Form(name, contract, INSTRUCTIONS) for name, contract in contracts.items()]


def schema_forms(folder: Path) -> tuple[list[Form], list[str]]:
    """A form for each JSON Schema in the files below `folder`, named by its file, and why others cannot be enforced.

    Raises ModelNotFound where there is no schema that can.
    """
    found: list[Form] = []
    refused: list[str] = []
    if not folder.exists():
        raise ModelNotFound(f"There is no {folder}.", "Name a JSON Schema, or a folder of them.")
    for case in read_folder(folder):
        if isinstance(case.schema, str):
            refused.append(case.schema)
            continue
        try:
            contract = Contract.from_json_schema(case.schema, file=case.file)
            found.append(Form(case.path.removesuffix(".json"), contract, INSTRUCTIONS))
        except ContractError as error:
            refused.append(f"{case.path}: {error}")
    if not found:
        why = f" The first: {refused[0]}" if refused else ""
        raise ModelNotFound(
            f"No JSON Schema of {folder} can be measured.{why}", "Name a folder with *.json or *.yaml files."
        )
    return found, refused


def shaped(
    forms: Sequence[Form], prompts: tuple[Prompt, ...], input_tokens: Sequence[int], output_tokens: int | None = None
) -> Iterator[Form]:
    """`forms` with these prompts, where there are any, and once for each length of `input_tokens`; free text has
    `output_tokens`."""
    for form in forms:
        own = replace(form, prompts=prompts or form.prompts, output_tokens=output_tokens)
        if not input_tokens:
            yield own
        for tokens in input_tokens:
            yield replace(own, name=f"{form.name} of {tokens}", input_tokens=tokens)
