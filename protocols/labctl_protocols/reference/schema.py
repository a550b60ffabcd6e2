"""JSON Schemas (draft 7) of protocols and cell records, for editors: completion, and red lines
under what cannot be."""

import re
from collections.abc import Collection, Iterable, Mapping

from labctl_protocols import fields, library
from labctl_protocols.control import BESIDE as PARSED_BESIDE
from labctl_protocols.problems import Problems
from labctl_protocols.reference import keys, records
from labctl_protocols.reference.takes import ANY_VALUE, Key, Keys, Schema
from labctl_protocols.reference.verbs import VERBS
from labctl_protocols.routines import KEYS as ROUTINE_KEYS
from labctl_protocols.routines import REQUIRED, parameter_entries
from labctl_protocols.yaml12 import Mapping as YamlMapping
from labctl_protocols.yaml12 import Scalar, compose

DRAFT = "http://json-schema.org/draft-07/schema#"
PARAMETERS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": r"^[^\W\d]\w*$"},
    "additionalProperties": ANY_VALUE.schema,
}


class Routine:
    """A routine as an editor needs it: title, and parameters with their own values as text.

    Raises ProtocolError for what is no routine.
    """

    def __init__(self, name: str, file: str, text: str) -> None:
        problems = Problems()
        root = compose(text, file, problems)
        mapping = None if root is None else fields.as_mapping(root, "a routine", problems)
        entries = () if mapping is None else parameter_entries(mapping, problems)
        problems.raise_if_any()
        self.name = name
        self.title = _text(mapping, "title")
        self.source = _text(mapping, "source")
        self.parameters = {
            each.key.text: each.value.text for each in entries if isinstance(each.value, Scalar)
        }

    @property
    def required(self) -> list[str]:
        """The parameters that a caller must give."""
        return [name for name, text in self.parameters.items() if text == REQUIRED]


def _text(root: YamlMapping | None, name: str) -> str:
    entry = None if root is None else root.get(name)
    return entry.value.text if entry is not None and isinstance(entry.value, Scalar) else ""


def shipped_routines() -> list[Routine]:
    """The library's routines."""
    return [Routine(name, *library.text_of("routines", name)) for name in library.names("routines")]


def protocol_schema(own: Iterable[Routine] = ()) -> Schema:
    """The schema of a protocol; `own` routines stand beside, or in place of, the library's."""
    routines = {each.name: each for each in (*shipped_routines(), *own)}
    definitions = {name: mapping_schema(table) for name, table in keys.MAPPINGS.items()}
    definitions["parameters"] = PARAMETERS
    definitions["detectors"]["minProperties"] = 1
    definitions["repeat"]["minProperties"] = 1
    definitions["steps"] = {
        "type": "array",
        "minItems": 1,
        "items": {"$ref": "#/definitions/step"},
    }
    definitions["step"] = step_schema(routines)
    top = definitions.pop("protocol")
    return {
        "$schema": DRAFT,
        "title": "labctl protocol",
        **top,
        "definitions": definitions,
    }


def routine_schema(own: Iterable[Routine] = ()) -> Schema:
    """The schema of a routine: a protocol's, with the keys that a routine has."""
    whole = protocol_schema(own)
    properties = {name: whole["properties"][name] for name in ROUTINE_KEYS}
    return {**whole, "title": "labctl routine", "properties": properties}


def cell_schema() -> Schema:
    """The schema of a cell record."""
    definitions = {name: mapping_schema(table) for name, table in records.MAPPINGS.items()}
    top = definitions.pop("record")
    plated = {"kind": {"enum": ["half", "anode-free", "symmetric"]}}
    needs = [{"if": {"properties": plated, "required": ["kind"]}, "then": {"required": ["metal"]}}]
    needs += [
        {
            "if": {"properties": {name: {"type": "string", "pattern": unit}}, "required": [name]},
            "then": {"required": [sized]},
        }
        for name in ("capacity", "inventory")
        for unit, sized in ((r"/c?m2\s*$", "area"), (r"/g\s*$", "active_mass"))
    ]
    return {
        "$schema": DRAFT,
        "title": "labctl cell record",
        **top,
        "allOf": needs,
        "definitions": definitions,
    }


def mapping_schema(table: Keys) -> Schema:
    """A mapping with these keys and no other."""
    schema: Schema = {
        "type": "object",
        "properties": {name: key_schema(key) for name, key in table.items()},
        "additionalProperties": False,
    }
    required = [name for name, key in table.items() if key.required]
    return {**schema, "required": required} if required else schema


def key_schema(key: Key) -> Schema:
    """What a key takes, with its meaning for the editor to show."""
    return described(key.takes.schema, f"{key.meaning} Takes {key.takes.words}.")


def described(schema: Mapping[str, object], text: str) -> Schema:
    """The schema with a description; beside a reference draft 7 allows none."""
    if "$ref" in schema:
        return {"allOf": [dict(schema)], "description": text}
    return {**schema, "description": text}


def step_schema(routines: Mapping[str, Routine]) -> Schema:
    """One verb with its value, and beside it only what may stand there."""
    properties: Schema = {
        name: {
            **described(verb.takes.schema, f"{verb.meaning} Takes {verb.takes.words}."),
            "examples": re.findall(rf"^- {name}: ([^{{\n]+)$", verb.example, re.MULTILINE),
        }
        for name, verb in VERBS.items()
    }
    properties |= {name: call_schema(routine) for name, routine in routines.items()}
    verbs = list(properties)
    properties |= {name: key_schema(key) for name, key in keys.BESIDE.items()}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        # a step without verb; a misspelt one is an additional property, and that is said already
        "not": {"propertyNames": {"enum": list(keys.BESIDE)}},
        "allOf": [_alone(verb, PARSED_BESIDE.get(verb, ())) for verb in verbs],
    }


def _alone(verb: str, beside: Collection[str]) -> Schema:
    then: Schema = {"propertyNames": {"enum": [verb, *beside]}}
    if "steps" in beside:
        then["required"] = ["steps"]
    return {"if": {"required": [verb]}, "then": then}


def call_schema(routine: Routine) -> Schema:
    """The call of a routine: its parameters by name."""
    schema: Schema = {
        "type": "object",
        "description": f"{routine.title}. Source: {routine.source}.",
        "properties": {
            name: {
                **ANY_VALUE.schema,
                "description": "must be given" if text == REQUIRED else f"default: {text}",
            }
            for name, text in routine.parameters.items()
        },
        "additionalProperties": False,
    }
    return {**schema, "required": routine.required} if routine.required else schema
