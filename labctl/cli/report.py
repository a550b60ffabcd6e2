"""`labctl report`: a run as figures for a paper and one page."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.exits import Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, RunName
from labctl.cli.output import print_lines
from labctl.journal import find_run

NEEDED = "matplotlib"


def report(
    run: RunName,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["-o", "--output"], help="Folder; none: `report` in the run's folder."),
    ] = None,
    data: DataOption = DEFAULT_DATA,
) -> int:
    """Draw a run's figures as PNG and SVG, and write one HTML page that holds everything.

    The page needs no network and can be sent as it is. Everything comes from the run's journal,
    so a run can be reported while it goes on. Pictures of a simulated run are marked as such.
    The first line printed is the page, the others are the pictures.

    For example:

        labctl report 20261123-1412
        labctl report 20261123-1412 -o figures
    """
    if find_spec(NEEDED) is None:
        raise Refused(
            "figures are drawn with matplotlib, which is not installed: "
            "pip install 'labctl-bench[report]', or pip install matplotlib"
        )
    folder = find_run(data, run)
    if output is not None and output.exists() and not output.is_dir():
        raise Refused(f"-o {output}: this is a file; a report goes into a folder")
    from labctl.report.write import write_report

    written = write_report(folder, output)
    print_lines([str(written.page), *map(str, written.pictures)])
    return 0
