"""The bench file as tables: its keys, what each takes and means, and the JSON Schema of them."""

from collections.abc import Callable, Mapping
from typing import get_args

from labctl.bench.model import Serve
from labctl.bench.parse_auxiliaries import NAME as AUXILIARY_NAME
from labctl.bench.parse_instrument import CELL_KEYS, names_of
from labctl.bench.settings import Setting, driver_settings, link_settings, simulator_settings
from labctl_protocols.quantities import TIME
from labctl_protocols.reference.language import keys_table
from labctl_protocols.reference.schema import DRAFT, key_schema, mapping_schema
from labctl_protocols.reference.takes import (
    TEXT,
    Key,
    Keys,
    Schema,
    Takes,
    either,
    mapping,
    one_of,
    quantity,
)
from labctl_simulators.faults import KINDS, SECONDS

NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
WHOLE = {"type": ["integer", "string"], "pattern": "^[0-9]+$"}
PLAIN: Mapping[str, Takes] = {
    "bool": Takes("`true` or `false`", {"enum": [True, False, "true", "false"]}),
    "whole": Takes("a whole number", WHOLE),
    "number": Takes(
        "a plain number", {"type": ["number", "string"], "pattern": r"^[-+]?[0-9.]+([eE].*)?$"}
    ),
    "text": TEXT,
}


def _named(name: str, words: str, pattern: str = NAME_PATTERN) -> Takes:
    return Takes(
        words,
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": pattern},
            "additionalProperties": {"$ref": f"#/definitions/{name}"},
        },
    )


NAME = Takes("a name", {"type": ["string", "integer"], "pattern": NAME_PATTERN})
ID = Takes("text, in quotes", {"type": "string", "pattern": r"\S"})
SOURCE = Takes(
    "`{env: NAME}` or `{file: PATH}`",
    {
        "type": "object",
        "properties": {"env": TEXT.schema, "file": TEXT.schema},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
)

BENCH: Keys = {
    "bench": Key(NAME, "The bench's name, for topics and records.", required=True),
    "data": Key(TEXT, "Folder of the runs; beside the bench file, if it is not absolute."),
    "mqtt": Key(
        mapping("mqtt", "`{url: …, username: …, password: …}`"), "The broker to publish to."
    ),
    "instruments": Key(
        _named("instrument", "`{name: instrument}`"), "One address each.", required=True
    ),
    "auxiliaries": Key(
        _named("auxiliary", "`{name: auxiliary}`", f"^{AUXILIARY_NAME.pattern}$"),
        "Temperatures beside the cells: `aux.<name>` in protocols, and what `set` sets.",
    ),
    "channels": Key(
        _named("channel", "`{name: channel}`"), "One pair of terminals each.", required=True
    ),
}
MQTT: Keys = {
    "url": Key(
        Takes(
            "`mqtt://host:1883` or `mqtts://host:8883`", {"type": "string", "pattern": "^mqtts?://"}
        ),
        "The broker's address.",
        required=True,
    ),
    "username": Key(TEXT, "Who publishes."),
    "password": Key(SOURCE, "Where the secret is; it never stands in YAML."),
    "prefix": Key(TEXT, "What topics begin with (default: `lab`)."),
}
CHANNEL: Keys = {
    "instrument": Key(TEXT, "The instrument's name.", required=True),
    "channel": Key(PLAIN["whole"], "Its number on the instrument (default: 1)."),
    "simulate": Key(
        mapping("cell", "`{model: …, cell: …}`"),
        "The simulated cell there, in place of the one in the instrument's block.",
    ),
    "temperature": Key(
        TEXT, "The auxiliary that measures the cell there: what `temperature` means for it."
    ),
}
AUXILIARY: Keys = {
    "instrument": Key(TEXT, "The scanner's or chamber's name.", required=True),
    "channel": Key(PLAIN["whole"], "Its number on the instrument, as 101 (default: 1)."),
}
SIMULATE: Keys = {
    "model": Key(TEXT, "The cell model, as `na-half` (default: the one that fits the cell)."),
    "cell": Key(TEXT, "The cell record that gives the model its size, for `labctl simulate`."),
    "serve": Key(one_of(get_args(Serve)), "How `labctl simulate` serves it (default: tcp)."),
    "port": Key(
        PLAIN["whole"],
        "The TCP port (default: the instrument's, 5025 for most; 4880 for HiSLIP).",
    ),
    "bin_port": Key(PLAIN["whole"], "A cycler's second port (default: its own, 57560)."),
    "parameters": Key(
        Takes(
            "`{name: number}`",
            {"type": "object", "additionalProperties": PLAIN["number"].schema},
        ),
        "Of the model, and `instrument_error` of the instrument.",
    ),
    "instrument": Key(
        mapping("simulator", "`{model: …, line_hz: 60}`"),
        "The simulator's own options, which `labctl drivers NAME` lists.",
    ),
    "seed": Key(PLAIN["whole"], "Seed of what is drawn at random."),
    "terminal": Key(TEXT, "The cell's terminal that it is at (default: `main`)."),
    "shares": Key(TEXT, "The instrument whose simulated cell it shares."),
    "faults": Key(mapping("faults", "`{fault: part}`"), "What goes wrong on its wire, and when."),
}
PART = Takes("a number, 0 to 1", {**PLAIN["number"].schema, "minimum": 0, "maximum": 1})
WHEN: Keys = {
    "part": Key(PART, "The part of its replies that suffer."),
    "after": Key(
        quantity(TIME, "a time"),
        "Not before that much of the instrument's time; without `part`, at its next reply.",
    ),
    "times": Key(PLAIN["whole"], "At most so often (default: once, with `part` without end)."),
}
LASTING: Keys = {
    **WHEN,
    "seconds": Key(PLAIN["number"], "How long it lasts, in the instrument's time."),
}
PART_OR_WHEN = either("a number, 0 to 1, or a mapping", PART, mapping("fault", ""))
PART_OR_LASTING = either("a number, 0 to 1, or a mapping", PART, mapping("lasting", ""))
FAULTS: Keys = {
    kind: Key(
        PART_OR_LASTING if kind in SECONDS else PART_OR_WHEN,
        (strike.__doc__ or "") + (f" `seconds`: {SECONDS[kind]:g}." if kind in SECONDS else ""),
    )
    for kind, strike in KINDS.items()
}
CELL: Keys = {name: SIMULATE[name] for name in CELL_KEYS}
INSTRUMENT: Keys = {
    "driver": Key(
        TEXT,
        "The driver's name; `labctl drivers` lists them, `labctl drivers NAME` its settings, "
        "which stand beside it.",
        required=True,
    ),
    "serial": Key(ID, "The serial number; another instrument at the address is refused."),
    "resource": Key(
        TEXT,
        "Its address: `TCPIP::host::5025::SOCKET`, `USB0::…::INSTR`, `GPIB0::24::INSTR`, "
        "`ASRL/dev/ttyUSB0::INSTR`, or `sim` for one in memory.",
        required=True,
    ),
    "simulate": Key(mapping("simulate", "`{model: …, serve: …}`"), "Its simulated twin."),
}
MAPPINGS: Mapping[str, Keys] = {
    "bench": BENCH,
    "mqtt": MQTT,
    "channel": CHANNEL,
    "auxiliary": AUXILIARY,
    "simulate": SIMULATE,
    "faults": FAULTS,
    "fault": WHEN,
    "lasting": LASTING,
    "cell": CELL,
    "instrument": INSTRUMENT,
    "simulator": {},
}


def bench_schema() -> Schema:
    """The schema of a bench file, with the drivers that are installed and their settings."""
    definitions = {name: mapping_schema(table) for name, table in MAPPINGS.items()}
    top = definitions.pop("bench")
    definitions["mqtt"]["dependencies"] = {"password": ["username"]}
    instrument = definitions["instrument"]
    names = names_of("labctl.drivers")
    drivers = {n: known for n in names if (known := _known(driver_settings, n)) is not None}
    for settings in (link_settings(), *drivers.values()):
        instrument["properties"] |= {
            name: setting_schema(name, setting) for name, setting in settings.items()
        }
    instrument["properties"]["driver"] = key_schema(
        Key(one_of(names), INSTRUMENT["driver"].meaning)
    )
    instrument["allOf"] = [
        {
            "if": {"properties": {"driver": {"const": name}}, "required": ["driver"]},
            "then": {
                "propertyNames": {"enum": [*INSTRUMENT, *link_settings(), *settings]},
                "properties": {"simulate": {"properties": {"instrument": _simulator_schema(name)}}},
            },
        }
        for name, settings in drivers.items()
    ]
    # what is not forbidden here the driver's own `then` can name
    definitions["simulator"] = {"type": "object"}
    return {"$schema": DRAFT, "title": "labctl bench", **top, "definitions": definitions}


def _known(
    settings_of: Callable[[str], Mapping[str, Setting]], driver: str
) -> Mapping[str, Setting] | None:
    """None where somebody else's distribution has none, or one that cannot be imported."""
    try:
        return settings_of(driver)
    except ImportError:
        return None


def _simulator_schema(driver: str) -> Schema:
    known = _known(simulator_settings, driver)
    if known is None:
        return {"maxProperties": 0}
    options = {name: setting_schema(name, setting) for name, setting in known.items()}
    return {"type": "object", "properties": options, "additionalProperties": False}


def setting_schema(name: str, setting: Setting) -> Schema:
    """A driver's or link's own setting."""
    takes = one_of(setting) if isinstance(setting, tuple) else PLAIN[setting]
    return key_schema(Key(takes, f"The setting `{name}`."))


EXAMPLE = """\
bench: glovebox-3
data: ./data
mqtt: {url: mqtts://broker:8883, username: bench3, password: {env: LABCTL_MQTT_PASSWORD}}
instruments:
  smu:
    driver: keithley-2450
    serial: "04488850"
    resource: TCPIP::192.168.1.20::5025::SOCKET
    simulate: {model: na-half, serve: tcp, port: 5025}
  scanner: {driver: daq6510, resource: TCPIP::192.168.1.21::5025::SOCKET}
  oven: {driver: espec, resource: TCPIP::192.168.1.22::10001::SOCKET}
auxiliaries:
  chamber: {instrument: oven}
  t_A1: {instrument: scanner, channel: 101}
channels:
  A1: {instrument: smu, channel: 1, temperature: t_A1}
"""


def bench_section() -> str:
    """The part of docs/language.md on bench files."""
    head = (
        "## The bench\n\nWhat is connected to this PC; the same file for real and simulated "
        f"instruments.\n\n```yaml\n{EXAMPLE}```"
    )
    parts = [head, keys_table(BENCH)]
    for name, of in (
        ("instrument", "An instrument"),
        ("simulate", "`simulate`"),
        ("channel", "A channel"),
        ("faults", "`faults` of `simulate`; a number is the part of its replies that suffer"),
        ("lasting", "A fault; `seconds` for those that last"),
        ("cell", "`simulate` of a channel"),
        ("auxiliary", "An auxiliary"),
        ("mqtt", "`mqtt`"),
    ):
        parts.append(f"{of}:\n\n{keys_table(MAPPINGS[name])}")
    links = ", ".join(f"`{name}`" for name in link_settings())
    parts.append(f"Settings of serial and other links stand beside `resource`: {links}.")
    return "\n\n".join(parts)
