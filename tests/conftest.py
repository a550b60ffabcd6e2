"""What holds for every test: no asyncio task may be left pending, and the loop is in debug.

With LABCTL_REQUIRE_EXTERNAL set (as `.ci/run` does) an external test that skips itself, because
its program is missing, has failed.
"""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

# how long an example takes, or is looked for, says nothing of what is tested
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "virtual_time: runs on the simulators' event loop, whose clock jumps"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # what a file makes once for its tests would be made once in each worker
    for item in items:
        file = item.nodeid.partition("::")[0]
        if any(each.scope == "module" and each.baseid == file for each in _fixtures(item)):
            item.add_marker(pytest.mark.xdist_group(file))


def _fixtures(item: pytest.Item) -> Iterator[pytest.FixtureDef[object]]:
    found = getattr(item, "_fixtureinfo", None)
    for definitions in found.name2fixturedefs.values() if found else ():
        yield from definitions


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time") is None:
        return {"real": asyncio.new_event_loop}
    from labctl_simulators.clock import VirtualLoop

    return {"virtual": VirtualLoop}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    is_required = item.get_closest_marker("external") and "LABCTL_REQUIRE_EXTERNAL" in os.environ
    if is_required and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, but LABCTL_REQUIRE_EXTERNAL is set: {report.longrepr}"
    return report


@pytest_asyncio.fixture
async def _loop_is_left_empty() -> AsyncIterator[None]:
    asyncio.get_running_loop().set_debug(True)
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    if left:
        pytest.fail(f"{len(left)} asyncio task(s) left pending: {left}")


@pytest.fixture(autouse=True)
def _no_task_left_pending(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_loop_is_left_empty")
