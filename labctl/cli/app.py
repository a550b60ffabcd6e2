"""The command table, and the one place where exceptions become exit codes."""

import difflib
import importlib
import inspect
import os
import sys

import cyclopts

from labctl.cli.exits import BAD_INPUT, STOPPED, Refused

HELP = """\
Runs tests of anode-free metal cells from a YAML protocol on any instrument.

Without hardware the same stack runs on simulated instruments that hold
simulated cells:

    labctl run na-cu-reservoir-ce --cell na-cu-half
    labctl cycles RUN
"""

EPILOGUE = """\
`labctl COMMAND --help` shows a command with examples; `--debug` with any
command shows the traceback of an error. Exit codes: 0 completed, 2 bad input,
3 a limit or detector, 4 instrument or link, 5 storage, 6 integrity, 70 a bug,
130 stopped by the operator.
"""

COMMANDS = {
    "run": ("labctl.cli.run:run", "Run a protocol on a cell, with live progress."),
    "batch": ("labctl.cli.batch:batch", "Run protocols on many cells of one bench at once."),
    "check": ("labctl.cli.check:check", "Check a protocol without running it."),
    "explain": ("labctl.cli.check:explain", "Show the expanded steps with resolved A, V and h."),
    "stop": ("labctl.cli.control:stop", "End a running run, its output off and read back."),
    "pause": ("labctl.cli.control:pause", "Switch a running run's output off until `continue`."),
    "continue": ("labctl.cli.control:go_on", "Go on with a paused run, or answer its question."),
    "skip": ("labctl.cli.control:skip", "End the running step of a run."),
    "amend": ("labctl.cli.control:amend", "Change values of a running run, within its limits."),
    "protocols": ("labctl.cli.library:app", "List and show the library's protocols and routines."),
    "cells": ("labctl.cli.cells:app", "List cell records; make them from a table or after a run."),
    "runs": ("labctl.cli.runs:runs", "List the runs in the data folder."),
    "show": ("labctl.cli.runs:show", "Summarise a run."),
    "why": ("labctl.cli.runs:why", "Say why each step of a run ended."),
    "cycles": ("labctl.cli.cycles:cycles", "Per-cycle figures with their uncertainty."),
    "export": ("labctl.cli.export:export", "Write a run's data as BDF or plain CSV."),
    "replay": ("labctl.cli.replay:replay", "Hear a run again, or a protocol against a recording."),
    "convert": ("labctl.cli.convert:convert", "Turn other programs' protocols into labctl's."),
    "report": ("labctl.cli.report:report", "Draw a run's figures and write one HTML page."),
    "schema": ("labctl.cli.schema:schema", "Print the JSON Schema of a file, for an editor."),
    "reference": ("labctl.cli.schema:reference", "Print the whole protocol language as one page."),
    "scan": ("labctl.cli.scan:scan", "List what is connected to this PC, and who answers."),
    "doctor": ("labctl.cli.doctor:doctor", "Check a bench's wiring without driving a cell."),
    "drivers": ("labctl.cli.drivers:drivers", "List instrument drivers and their maturity."),
    "simulate": ("labctl.cli.simulate:simulate", "Serve a bench's simulated instruments."),
    "broker": ("labctl.cli.broker:broker", "Run an embedded MQTT broker for a first try."),
}

USAGES = {
    "drivers": "Usage: labctl drivers [OPTIONS] [NAME]",
    "replay": "Usage: labctl replay [OPTIONS] RUN [PROTOCOL]",
    "scan": "Usage: labctl scan [OPTIONS] [RESOURCE...]",
}
"""Where arguments may be left out: cyclopts calls them all ARGS."""


def make_app(called: str) -> cyclopts.App:
    """The app with its commands, none of them imported yet.

    The command that is `called` tells its own help, the others show their summary.
    """
    app = cyclopts.App(
        name="labctl",
        help=HELP,
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        help_formatter="plain",
        version=_version,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    for name, (where, summary) in COMMANDS.items():
        if name == called:
            app.command(where, name=name, help=_flowing(where), **_usage(name))
        else:
            app.command(where, name=name, help=summary)
    return app


def _usage(name: str) -> dict[str, str]:
    return {"usage": USAGES[name]} if name in USAGES else {}


def _flowing(where: str) -> str:
    """The command's own help, whose paragraphs fill whatever width there is."""
    module, _, name = where.partition(":")
    function = getattr(importlib.import_module(module), name)
    if isinstance(function, cyclopts.App):
        function = function.default_command
    paragraphs = [each.split("\n") for each in (inspect.getdoc(function) or "").split("\n\n")]
    return "\n\n".join(
        ("\n" if any(line.startswith((" ", "- ")) for line in lines) else " ").join(lines)
        for lines in paragraphs
    )


def run_command(arguments: list[str]) -> int:
    """Run one command; every exception ends here as an exit code and one line per error."""
    _open_closed_streams()
    arguments, debug = _without_debug(arguments)
    called = next(iter(arguments), "")
    try:
        if called and not called.startswith("-"):
            _refuse_unknown(called)
        code = make_app(called)(arguments)
        sys.stdout.flush()
    except cyclopts.CycloptsError as error:
        return _tell([_in_one_line(error)], BAD_INPUT)
    except KeyboardInterrupt:
        return _tell(["labctl: stopped"], STOPPED)
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:  # what the user sees is decided in one place
        from labctl.cli.failure import lines_and_code

        if debug:
            import traceback

            traceback.print_exc()
        return _tell(*lines_and_code(error))
    return code if isinstance(code, int) else 0


def _open_closed_streams() -> None:
    """Who started us may have closed our output (`>&-`): a run goes on all the same, unheard.

    The null device also takes the number that a journal's file would get otherwise.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))


def _refuse_unknown(called: str) -> None:
    if called not in COMMANDS:
        close = difflib.get_close_matches(called, COMMANDS, n=1)
        hint = f"did you mean {close[0]}?" if close else "labctl --help lists them"
        raise Refused(f"there is no command {called!r} ({hint})")


def _without_debug(arguments: list[str]) -> tuple[list[str], bool]:
    return [a for a in arguments if a != "--debug"], "--debug" in arguments


def _in_one_line(error: cyclopts.CycloptsError) -> str:
    if isinstance(error, cyclopts.CoercionError) and error.argument and error.token:
        choices = error.argument.get_choices()
        if choices:
            # cyclopts names the types of a choice from two lists, not what may be chosen
            said = f"{error.argument.name} {error.token.value}"
            return f"labctl: {said}: there are {', '.join(choices)}"
    return f"labctl: {' '.join(str(error).split())}"


def _tell(lines: list[str], code: int) -> int:
    for line in lines:
        print(" ".join(line.split("\n")), file=sys.stderr)
    return code


def _reader_left() -> int:
    """Whoever read our output closed it; the interpreter must not complain when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _version() -> str:
    from importlib.metadata import version

    return version("labctl-bench")
