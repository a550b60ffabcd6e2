"""The suite's own safety net: a test that leaves a task pending fails."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"


def run_inner(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    pytester.makeini(
        "[pytest]\nasyncio_mode=auto\nasyncio_default_fixture_loop_scope=function\n"
        "filterwarnings=error\nmarkers=external\n"
    )
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_a_task_left_pending_fails_its_test(pytester: pytest.Pytester) -> None:
    result = run_inner(
        pytester,
        """
        import asyncio
        async def test_leaves_one():
            asyncio.create_task(asyncio.sleep(3600))
            await asyncio.sleep(0)
        """,
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*1 asyncio task(s) left pending*"])


def test_a_test_that_cleans_up_passes(pytester: pytest.Pytester) -> None:
    result = run_inner(
        pytester,
        """
        import asyncio
        async def test_cleans_up():
            assert asyncio.get_running_loop().get_debug()
            task = asyncio.create_task(asyncio.sleep(3600))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        def test_sync():
            pass
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(("is_set", "outcomes"), [(False, {"skipped": 1}), (True, {"failed": 1})])
def test_in_ci_a_missing_program_is_a_failure(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    is_set: bool,
    outcomes: dict[str, int],
) -> None:
    if is_set:
        monkeypatch.setenv("LABCTL_REQUIRE_EXTERNAL", "1")
    else:
        monkeypatch.delenv("LABCTL_REQUIRE_EXTERNAL", raising=False)
    result = run_inner(
        pytester,
        """
        import pytest
        @pytest.mark.external
        def test_needs_a_program():
            pytest.skip("no such program")
        """,
    )
    result.assert_outcomes(**outcomes)
