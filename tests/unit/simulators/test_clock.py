"""Simulated time: order, determinism, holds, signals."""

import asyncio
import os
import signal
import socket
import threading

import pytest

from labctl_simulators.clock import RESOLUTION_S, ScaledLoop, VirtualLoop, run_in


def test_an_hour_of_sleep_passes_at_once_and_shows_on_the_loops_clock():
    async def sleep() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert run_in(VirtualLoop(), sleep()) == pytest.approx(3600)


def test_timers_fire_in_the_order_of_their_times():
    async def main() -> list[tuple[str, float]]:
        loop, seen = asyncio.get_running_loop(), []

        async def tick(name: str, period: float, times: int) -> None:
            for _ in range(times):
                await asyncio.sleep(period)
                seen.append((name, round(loop.time(), 6)))

        await asyncio.gather(tick("a", 2.0, 3), tick("b", 3.0, 2), tick("c", 0.7, 2))
        return seen

    assert run_in(VirtualLoop(), main()) == [
        ("c", 0.7), ("c", 1.4), ("a", 2.0), ("b", 3.0), ("a", 4.0), ("b", 6.0), ("a", 6.0),
    ]  # fmt: skip


def test_timers_still_fire_after_three_simulated_years():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1e8)
        before = loop.time()
        for _ in range(100):
            await asyncio.sleep(0.1)
        return loop.time() - before

    assert run_in(VirtualLoop(), main()) == pytest.approx(10, abs=200 * RESOLUTION_S)


def test_the_same_program_gives_the_same_history():
    async def main() -> list[tuple[int, float]]:
        loop, seen = asyncio.get_running_loop(), []
        queue: asyncio.Queue[int] = asyncio.Queue(3)

        async def produce(n: int) -> None:
            for k in range(50):
                await asyncio.sleep(0.1 * n + 0.01 * k)
                await queue.put(n)

        async def consume() -> None:
            while len(seen) < 150:
                try:
                    async with asyncio.timeout(0.05):
                        seen.append((await queue.get(), loop.time()))
                except TimeoutError:
                    await asyncio.sleep(0.02)

        await asyncio.gather(consume(), *(produce(n) for n in range(1, 4)))
        return seen

    assert run_in(VirtualLoop(), main()) == run_in(VirtualLoop(), main())


def test_time_stands_still_while_an_executor_job_runs():
    async def main() -> tuple[float, float, list[float]]:
        loop, ticks = asyncio.get_running_loop(), []
        go = threading.Event()

        async def tick() -> None:
            await asyncio.sleep(1.0)
            ticks.append(loop.time())

        ticker = asyncio.create_task(tick())
        began = loop.time()
        loop.call_soon(lambda: threading.Timer(0.1, go.set).start())
        async with asyncio.timeout(0.5):
            assert await asyncio.to_thread(go.wait, 10)
        ended = loop.time()
        await ticker
        return began, ended, ticks

    began, ended, ticks = run_in(VirtualLoop(), main())
    assert (began, ended) == (0.0, 0.0)
    assert ticks == [1.0]


def test_a_cancelled_job_holds_time_until_its_thread_is_done():
    async def main() -> None:
        loop = asyncio.get_running_loop()
        started, go = threading.Event(), threading.Event()

        def work() -> None:
            started.set()
            go.wait(10)

        job = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.sleep(0)
        assert started.wait(10)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        threading.Timer(0.1, go.set).start()
        await asyncio.sleep(1.0)
        assert go.is_set()
        assert loop.time() == pytest.approx(1.0)

    run_in(VirtualLoop(), main())


def test_host_time_waits_for_another_thread():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        threading.Timer(0.1, lambda: loop.call_soon_threadsafe(arrived.set)).start()
        with loop.host_time():
            async with asyncio.timeout(1.0):
                await arrived.wait()
        return loop.time()

    assert run_in(VirtualLoop(), main()) == 0.0


def test_without_a_hold_the_same_wait_times_out_at_once():
    async def main() -> None:
        async with asyncio.timeout(1.0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run_in(VirtualLoop(), main())


def test_real_sockets_in_one_loop_never_time_out_falsely():
    async def main() -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.readline():
                await asyncio.sleep(0.05)
                writer.write(b"1\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = 0
        for _ in range(300):
            writer.write(b"?\n")
            async with asyncio.timeout(1.0):
                answers += (await reader.readline()) == b"1\n"
            await asyncio.sleep(0.95)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answers

    assert run_in(VirtualLoop(), main()) == 300


@pytest.mark.skipif(os.name == "nt", reason="signal handlers of a loop are POSIX only")
@pytest.mark.parametrize("busy", [True, False])
def test_a_signal_reaches_the_loop(busy: bool):
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        got = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, got.set)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while busy and not got.is_set():  # noqa: ASYNC110  # timers due without a break
            await asyncio.sleep(1.0)
        await got.wait()
        return got.is_set()

    assert run_in(VirtualLoop(), main())


@pytest.mark.skipif(os.name == "nt", reason="no os.kill with SIGINT there")
def test_ctrl_c_cancels_the_program_and_its_cleanup_runs():
    cleaned = []

    async def main() -> None:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            while True:  # noqa: ASYNC110  # timers due without a break
                await asyncio.sleep(1.0)
        finally:
            await asyncio.sleep(5.0)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_in(VirtualLoop(), main())
    assert cleaned == [True]


def test_leftover_tasks_are_cancelled_and_the_loop_closed():
    left = []

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("cancelled")

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(linger())
        await asyncio.sleep(1.0)
        return task

    loop = VirtualLoop()
    task = run_in(loop, main())
    assert task.cancelled()
    assert left == ["cancelled"]
    assert loop.is_closed()


def test_a_scaled_loop_counts_host_time_times_its_speed():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(10.0)
        return loop.time() - began

    assert run_in(ScaledLoop(1000.0), main()) >= 10.0 - 1e-3


def test_a_scaled_loop_wakes_for_sockets():
    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        threading.Timer(0.05, theirs.send, (b"x",)).start()
        data = await asyncio.get_running_loop().sock_recv(ours, 1)
        ours.close()
        theirs.close()
        return data

    assert run_in(ScaledLoop(0.01), main()) == b"x"


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float):
    with pytest.raises(ValueError, match="speed"):
        ScaledLoop(speed)
