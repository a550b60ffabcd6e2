"""What the whole session shares: each library protocol is run once and looked at many times."""

import pytest
from helpers import running
from helpers.running import LibraryRun

from labctl.run.request import RunResult


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # all in one worker, where they share the runs
    for item in items:
        if "library_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("library"))


@pytest.fixture(scope="session")
def library_run(tmp_path_factory: pytest.TempPathFactory) -> LibraryRun:
    """The run of a library protocol, made when first asked for (`running.run_of_library`)."""
    done: dict[str, RunResult] = {}

    def run(protocol: str) -> RunResult:
        if protocol not in done:
            done[protocol] = running.run_of_library(protocol, tmp_path_factory.mktemp("library"))
        return done[protocol]

    return run
