"""Routines: pieces of protocol with parameters, expanded where they are called."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from labctl_protocols import fields
from labctl_protocols.context import BAD, Context, Named, RoutineFile, Scope
from labctl_protocols.plan import Node
from labctl_protocols.problems import Problems
from labctl_protocols.terms import read_parameter
from labctl_protocols.tokens import is_name
from labctl_protocols.yaml12 import Entry, Scalar, compose
from labctl_protocols.yaml12 import Mapping as YamlMapping

KEYS = ("name", "title", "source", "parameters", "steps")
REQUIRED = "required"
"""The word that stands for a parameter's value where the caller must give it."""
MAX_CALLS = 20


class Routines(Mapping[str, RoutineFile]):
    """Routines by name, read when first called. `texts` is name → (file, text)."""

    def __init__(self, texts: Mapping[str, tuple[str, str]], problems: Problems) -> None:
        self._texts = texts
        self._problems = problems
        self._read: dict[str, RoutineFile] = {}

    def __getitem__(self, name: str) -> RoutineFile:
        if name not in self._read:
            file, text = self._texts[name]
            self._read[name] = self._compose(name, file, text)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def _compose(self, name: str, file: str, text: str) -> RoutineFile:
        root = compose(text, file, self._problems)
        mapping = None if root is None else fields.as_mapping(root, "a routine", self._problems)
        if mapping is None:
            return RoutineFile(name, file, None)
        fields.refuse_unknown(mapping.entries, KEYS, self._problems)
        fields.require(mapping, ("name", "steps"), self._problems)
        return RoutineFile(name, file, mapping)


def bind_call(verb: Entry, position: int, scope: Scope, ctx: Context) -> tuple[Node, ...]:
    """A routine's steps in place of its call."""
    name, where = verb.key.text, verb.key.where
    if name in scope.calls or len(scope.calls) >= MAX_CALLS:
        ctx.problems.add("recursion", where, f"the routine `{name}` calls itself")
        return ()
    with ctx.problems.inside(where, name):
        routine = ctx.routines[name]
    if routine.root is None:
        return ()
    arguments = _arguments(verb, routine.root, scope, ctx)
    if arguments is None:
        return ()
    values = _bind_parameters(verb, routine.root, arguments, ctx)
    inner = Scope(
        values=values,
        taken=scope.taken,
        path=scope.child(f"{position}.{name}"),
        in_loop=scope.in_loop,
        limits=scope.limits,
        calls=(*scope.calls, name),
    )
    steps = routine.root.get("steps")
    if steps is None:
        return ()
    with ctx.problems.inside(where, name):
        return ctx.bind_steps(steps.value, inner, ctx, "`steps`")


def _arguments(
    verb: Entry, root: YamlMapping, scope: Scope, ctx: Context
) -> dict[str, Named] | None:
    """What the caller gives, in the caller's names."""
    name = verb.key.text
    if isinstance(verb.value, Scalar):
        ctx.problems.add(
            "type",
            verb.value.where,
            f"the routine `{name}` takes its parameters by name",
            f"as in `{name}: {{}}` or `{name}: {{parameter: value}}`",
        )
        return None
    given = fields.as_mapping(verb.value, f"`{name}`", ctx.problems)
    if given is None:
        return None
    with ctx.problems.inside(verb.key.where, name):
        known = [entry.key.text for entry in parameter_entries(root, ctx.problems)]
    arguments: dict[str, Named] = {}
    for entry in given.entries:
        key = entry.key.text
        if key not in known:
            hint = fields.meant(key, known) or "it takes " + (", ".join(known) or "none")
            ctx.problems.add(
                "unknown-parameter",
                entry.key.where,
                f"the routine `{name}` has no parameter `{key}`",
                hint,
            )
            continue
        scalar = fields.as_value(entry.value, f"`{key}`", ctx.problems)
        value = None if scalar is None else read_parameter(scalar, scope, ctx)
        arguments[key] = value or Named(BAD, "")
    return arguments


def _bind_parameters(
    verb: Entry, root: YamlMapping, arguments: Mapping[str, Named], ctx: Context
) -> dict[str, Named]:
    values: dict[str, Named] = {}
    missing = []
    with ctx.problems.inside(verb.key.where, verb.key.text):
        for entry in parameter_entries(root, ctx.problems):
            key = entry.key.text
            if key in arguments:
                values[key] = arguments[key]
            elif is_required(entry):
                missing.append(key)
                values[key] = Named(BAD, "")
            else:
                values[key] = default_of(entry, values, ctx)
    for key in missing:
        ctx.problems.add(
            "missing-argument",
            verb.key.where,
            f"the routine `{verb.key.text}` needs its parameter `{key}`",
        )
    return values


def is_required(entry: Entry) -> bool:
    """Whether the parameter has no value of its own."""
    return isinstance(entry.value, Scalar) and entry.value.text == REQUIRED


def default_of(entry: Entry, earlier: Mapping[str, Named], ctx: Context) -> Named:
    """A parameter's own value, in which earlier parameters may stand."""
    scalar = fields.as_value(entry.value, f"`{entry.key.text}`", ctx.problems)
    scope = replace(Scope(), values=earlier)
    value = None if scalar is None else read_parameter(scalar, scope, ctx)
    return value or Named(BAD, "")


def parameter_entries(root: YamlMapping, problems: Problems) -> tuple[Entry, ...]:
    """The parameters of a protocol or routine, in file order."""
    entry = root.get("parameters")
    if entry is None:
        return ()
    mapping = fields.as_mapping(entry.value, "`parameters`", problems)
    if mapping is None:
        return ()
    for parameter in mapping.entries:
        name = parameter.key.text
        if not is_name(name):
            problems.add(
                "name",
                parameter.key.where,
                f"`{name}` is no name",
                "letters, digits and `_`, beginning with a letter",
            )
    return mapping.entries
