"""Finding and reading protocols and cell records: files, or names from the library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from labctl_protocols import fields, library
from labctl_protocols.cell_record import CellRecord, read_cell
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problem, Problems, ProtocolError
from labctl_protocols.yaml12 import Mapping as YamlMapping
from labctl_protocols.yaml12 import Scalar, compose, read_text


@dataclass(frozen=True, slots=True)
class ProtocolFile:
    """A protocol as read: its text, its tree, and what is already known to be wrong with it.

    `routines` is name → (file, text) of every routine that it may call: those in the folder
    `routines` beside it, before those of the library.
    """

    name: str
    title: str
    source: str
    file: str
    text: str = field(repr=False)
    root: YamlMapping = field(repr=False)
    problems: tuple[Problem, ...] = ()
    routines: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    disabled: frozenset[str] = frozenset()


def load_cell(name_or_path: str, *, disabled: frozenset[str] = frozenset()) -> CellRecord:
    """A cell record by file or by name from the library. Raises ProtocolError."""
    problems = Problems(disabled)
    file, text, _ = _find("cells", name_or_path, problems)
    return cell_from_text(text, file, problems)


def cell_from_text(text: str, file: str, problems: Problems | None = None) -> CellRecord:
    """A cell record from its YAML. Raises ProtocolError with all that is wrong."""
    problems = Problems() if problems is None else problems
    root = compose(text, file, problems)
    cell = None if root is None else read_cell(root, file, text, problems)
    problems.raise_if_any()
    if cell is None:
        raise ProtocolError((Problem(Where(file, 1, 1), "no cell record", "unusable"),))
    return cell


def load_protocol(name_or_path: str, *, disabled: frozenset[str] = frozenset()) -> ProtocolFile:
    """A protocol by file or by name from the library.

    Raises ProtocolError only where there is nothing to go on with; all else is told by `check`.
    """
    problems = Problems(disabled)
    file, text, folder = _find("protocols", name_or_path, problems)
    return protocol_from_text(text, file, problems, folder)


def protocol_from_text(
    text: str, file: str, problems: Problems | None = None, folder: Path | None = None
) -> ProtocolFile:
    """A protocol from its YAML; `folder` is where its own routines' folder is."""
    problems = Problems() if problems is None else problems
    root = compose(text, file, problems)
    mapping = None if root is None else fields.as_mapping(root, "the protocol", problems)
    if mapping is None:
        problems.raise_if_any()
        raise ProtocolError((Problem(Where(file, 1, 1), "no protocol", "unusable"),))
    texts = _routine_texts(folder, problems)
    return ProtocolFile(
        name=_plain(mapping, "name") or Path(file).stem,
        title=_plain(mapping, "title"),
        source=_plain(mapping, "source"),
        file=file,
        text=text,
        root=mapping,
        problems=problems.found,
        routines=texts,
        disabled=problems.disabled,
    )


def _plain(mapping: YamlMapping, name: str) -> str:
    entry = mapping.get(name)
    return entry.value.text if entry is not None and isinstance(entry.value, Scalar) else ""


def _routine_texts(folder: Path | None, problems: Problems) -> dict[str, tuple[str, str]]:
    texts = {name: library.text_of("routines", name) for name in library.names("routines")}
    own = None if folder is None else folder / "routines"
    if own is not None and own.is_dir():
        for path in sorted(own.glob("*.yaml")):
            text = read_text(path, problems)
            if text is not None:
                texts[path.stem] = (path.as_posix(), text)
    return texts


def _find(
    shelf: library.Shelf, name_or_path: str, problems: Problems
) -> tuple[str, str, Path | None]:
    """File as messages name it, text, and the folder it is in (None in the library)."""
    path = Path(name_or_path)
    looks_like_file = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if looks_like_file or path.is_file():
        text = read_text(path, problems)
        if text is None:
            problems.raise_if_any()
            raise ProtocolError((Problem(Where(name_or_path, 1, 1), "not readable", "unusable"),))
        return path.as_posix(), text, path.parent
    known = library.names(shelf)
    if name_or_path in known:
        file, text = library.text_of(shelf, name_or_path)
        return file, text, None
    close = get_close_matches(name_or_path, known, n=1, cutoff=0.5)
    hint = f"did you mean `{close[0]}`?" if close else "known: " + ", ".join(known)
    what = shelf.removesuffix("s")
    message = f"no file and no {what} of the library"
    raise ProtocolError((Problem(Where(name_or_path, 1, 1), message, "not-found", hint),))
