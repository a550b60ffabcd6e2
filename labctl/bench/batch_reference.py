"""The batch file as tables: its keys, what each takes and means, and the JSON Schema of them."""

from collections.abc import Mapping

from labctl_protocols.reference.language import keys_table
from labctl_protocols.reference.schema import DRAFT, mapping_schema
from labctl_protocols.reference.takes import TEXT, Key, Keys, Schema, Takes, either

RUNS = Takes(
    "a list of runs",
    {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/run"}},
)
NAMED_TEXTS: Schema = {"type": "object", "additionalProperties": TEXT.schema}
BY_ROLE = Takes("`{main: A1, supply: A2}`", {**NAMED_TEXTS, "required": ["main"]})

BATCH: Keys = {
    "bench": Key(TEXT, "The bench file; beside the batch file, if not absolute.", required=True),
    "data": Key(TEXT, "Folder of the runs, in place of the bench's."),
    "runs": Key(RUNS, "What is to be run at once, one on each channel.", required=True),
}
RUN: Keys = {
    "channel": Key(
        either("a channel's name, or `{main: A1, supply: A2}`", TEXT, BY_ROLE),
        "Where the cell is; several channels for a cell with several terminals, by role.",
        required=True,
    ),
    "cell": Key(
        TEXT, "Its record: a file beside the batch file, or a name from the library.", required=True
    ),
    "protocol": Key(
        TEXT, "A file beside the batch file, or a name from the library.", required=True
    ),
    "parameters": Key(
        Takes("`{name: value}`", NAMED_TEXTS), "Other values for the protocol's parameters."
    ),
}
MAPPINGS: Mapping[str, Keys] = {"batch": BATCH, "run": RUN}


def batch_schema() -> Schema:
    """The schema of a batch file."""
    definitions = {name: mapping_schema(table) for name, table in MAPPINGS.items()}
    top = definitions.pop("batch")
    return {"$schema": DRAFT, "title": "labctl batch", **top, "definitions": definitions}


EXAMPLE = """\
bench: bench.yaml
runs:
  - {channel: A1, cell: coin-17.yaml, protocol: na-cu-reservoir-ce, parameters: {portions: 5}}
  - {channel: B1, cell: coin-18.yaml, protocol: na-cu-reservoir-ce}
"""


def batch_section() -> str:
    """The part of docs/language.md on batch files."""
    head = (
        "## The batch\n\nMany cells of one bench at once: `labctl batch FILE` runs them in one "
        f"process.\n\n```yaml\n{EXAMPLE}```"
    )
    return "\n\n".join([head, keys_table(BATCH), f"A run:\n\n{keys_table(RUN)}"])
