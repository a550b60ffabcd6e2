"""`labctl --help` answers at once: it imports nothing that only a command needs."""

import subprocess
import sys

import pytest

HEAVY = ("asyncio", "sqlite3", "yaml", "lark", "pint", "pydantic", "pyarrow", "numpy",
         "aiomqtt", "amqtt", "pyvisa", "serial", "labctl.run", "labctl.journal",
         "labctl_protocols", "labctl_drivers", "labctl_simulators")  # fmt: skip
PROGRAM = """
import sys
from labctl.__main__ import main
code = main(sys.argv[1:])
print(",".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["ruin"]])
def test_help_imports_no_commands(arguments: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    modules = result.stderr.splitlines()[-1].split(",")
    assert "labctl.cli.app" in modules
    assert [name for name in modules if name in HEAVY] == []


def test_a_run_without_a_broker_imports_no_client() -> None:
    """aiomqtt brings paho and dns.resolver: a tenth of what a run takes to begin."""
    program = "import sys, labctl.run.conduct; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = result.stdout.split()
    assert "labctl.mqtt.follower" in modules
    assert [name for name in modules if name in ("aiomqtt", "paho", "dns")] == []
