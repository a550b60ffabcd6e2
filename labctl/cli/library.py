"""`labctl protocols`, and what `labctl cells` shares with it: what is shipped, to be copied."""

import cyclopts

from labctl.cli.exits import Refused
from labctl.cli.options import JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.show.columns import in_columns
from labctl_protocols import library
from labctl_protocols.fields import meant
from labctl_protocols.library import Shelf, Shipped

app = cyclopts.App(name="protocols")


@app.default
def protocols(*, json: JsonOption = False) -> int:
    """List the library's protocols and routines with their titles.

    A protocol is run by its name; a routine is a verb in a protocol. Both can be copied and
    changed: `labctl protocols show NAME > mine.yaml`. Routines in a folder `routines` beside a
    protocol go before the library's.

    For example:

        labctl protocols
        labctl protocols show na-cu-reservoir-ce > mine.yaml
    """
    shelves: tuple[Shelf, Shelf] = ("protocols", "routines")
    shown = {shelf: library.shipped(shelf) for shelf in shelves}
    if json:
        print_json({shelf: [_document(each) for each in found] for shelf, found in shown.items()})
        return 0
    for shelf, found in shown.items():
        print_lines(
            [*([""] if shelf == "routines" else []), *listed(shelf.removesuffix("s"), found)]
        )
    return 0


@app.command(name="show")
def show_protocol(name: str, /) -> int:
    """Print a protocol's or routine's YAML, to be read and copied.

    For example:

        labctl protocols show formation
        labctl protocols show na-cu-reservoir-ce > mine.yaml
    """
    return print_shipped(("protocols", "routines"), name)


def listed(what: str, found: tuple[Shipped, ...]) -> list[str]:
    """A shelf as a table."""
    return in_columns([what, "title"], [[each.name, each.title] for each in found])


def shelf_json(shelf: Shelf) -> list[dict[str, str]]:
    """A shelf as JSON."""
    return [_document(each) for each in library.shipped(shelf)]


def _document(each: Shipped) -> dict[str, str]:
    return {"name": each.name, "title": each.title, "source": each.source}


def print_shipped(shelves: tuple[Shelf, ...], name: str) -> int:
    """Print the file of this name from the first of the shelves that has it. Raises Refused."""
    for shelf in shelves:
        if name in library.names(shelf):
            print(library.text_of(shelf, name)[1], end="")
            return 0
    known = [each for shelf in shelves for each in library.names(shelf)]
    hint = meant(name, known) or f"known: {', '.join(known)}"
    raise Refused(
        f"the library has no {' and no '.join(s[:-1] for s in shelves)} {name!r} ({hint})"
    )
