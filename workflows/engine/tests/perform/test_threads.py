"""The threads that calls run in."""

import threading
import time

from workflows.engine.perform.threads import Threads


def settled(threads: Threads, idle: int) -> bool:
    give_up_at = time.monotonic() + 10
    while len(threads._idle) < idle and time.monotonic() < give_up_at:
        time.sleep(0.001)
    return len(threads._idle) == idle


class TestThreads:
    def test_run_as_many_jobs_at_a_time_as_they_are_given(self) -> None:
        threads = Threads("test")
        barrier = threading.Barrier(20, timeout=10)
        done: list[int] = []

        def job() -> None:
            barrier.wait()
            done.append(1)

        for _ in range(20):
            threads.run(job)

        assert settled(threads, 20)
        assert len(done) == 20

    def test_use_the_one_again_that_rested_last(self) -> None:
        threads = Threads("test")
        names: list[str] = []
        for _ in range(5):
            threads.run(lambda: names.append(threading.current_thread().name))
            assert settled(threads, 1)

        assert names == ["test-1"] * 5
