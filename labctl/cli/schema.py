"""`labctl schema` and `labctl reference`: the language for editors and for people."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from labctl.cli.exits import Refused
from labctl.cli.output import print_lines

OutputOption = Annotated[
    Path | None, Parameter(name=["-o", "--output"], help="The file; none: standard output.")
]


def schema(
    what: Annotated[
        Literal["protocol", "routine", "cell", "bench", "batch"],
        Parameter(name="WHAT", help="Of which file: protocol, routine, cell, bench or batch."),
    ],
    /,
    *,
    output: OutputOption = None,
    routines: Annotated[
        Path | None, Parameter(name="--routines", help="Folder with routines of your own.")
    ] = None,
) -> int:
    """Print the JSON Schema of a protocol, routine, cell record, bench or batch, for an editor.

    In VS Code with the YAML extension, the first line of a file switches it on:

        # yaml-language-server: $schema=./protocol.schema.json

    For example:

        labctl schema protocol -o protocol.schema.json
        labctl schema protocol --routines routines -o protocol.schema.json
    """
    from labctl.bench.batch_reference import batch_schema
    from labctl.bench.reference import bench_schema
    from labctl_protocols.problems import Problems
    from labctl_protocols.reference.schema import (
        Routine,
        cell_schema,
        protocol_schema,
        routine_schema,
    )
    from labctl_protocols.yaml12 import read_text

    if routines is not None and not routines.is_dir():
        raise Refused(f"--routines {routines}: there is no such folder")
    own = []
    problems = Problems()
    for path in sorted([] if routines is None else routines.glob("*.yaml")):
        text = read_text(path, problems)
        problems.raise_if_any()
        own.append(Routine(path.stem, path.as_posix(), text or ""))
    makers = {
        "protocol": lambda: protocol_schema(own),
        "routine": lambda: routine_schema(own),
        "cell": cell_schema,
        "bench": bench_schema,
        "batch": batch_schema,
    }
    return _give(json.dumps(makers[what](), indent=2, ensure_ascii=False) + "\n", output)


def reference(*, output: OutputOption = None) -> int:
    """Print the protocol language, cell record, bench and batch file as one Markdown page.

    For example:

        labctl reference -o language.md
    """
    from labctl.bench.batch_reference import batch_section
    from labctl.bench.reference import bench_section
    from labctl_protocols.reference.language import language_text

    return _give(language_text(f"{bench_section()}\n\n{batch_section()}"), output)


def _give(text: str, output: Path | None) -> int:
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8", newline="\n")
        print_lines([str(output)])
    return 0
