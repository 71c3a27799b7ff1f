"""A worker process: procrastinate carries the ticks, a pulse sees to it that none is missing.

One lane takes steps, one at a time a process; another does everything else, several at a time. When the database goes
away, the lanes are started anew until it is back.
"""

import asyncio
import contextlib
import os
import signal

import structlog
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector

from workflows.actions.outside import Lane
from workflows.engine import stopping
from workflows.engine.perform.process import end_lanes
from workflows.engine.pulse import Pulse
from workflows.engine.wake import CHORES_QUEUE, LANE_QUEUE, STEPS_QUEUE

logger = structlog.get_logger(__name__)

LANES = {STEPS_QUEUE: 1, CHORES_QUEUE: 4} | {LANE_QUEUE.format(lane): 1 for lane in Lane}
POLL_SECONDS = 0.5
GRACE_SECONDS = 25.0
CALLS_GRACE_SECONDS = 23.0  # then calls are given back, which takes a moment
RESTART_SECONDS = 0.5


def work() -> None:
    """Work until SIGTERM or SIGINT, then finish the step in hand."""
    pulse = Pulse()
    pulse.start()
    try:
        asyncio.run(keep_lanes_open())
    finally:
        end_lanes(seconds=stopping.seconds_left(CALLS_GRACE_SECONDS))
        pulse.end()


async def keep_lanes_open() -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stopping.stop()
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    while not ending.is_set():
        try:
            await run_lanes(ending)
        except Exception as error:  # noqa: BLE001 - a worker outlives whatever its carrier throws
            logger.warning("the lanes are opened anew", pid=os.getpid(), error=repr(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), RESTART_SECONDS)


async def run_lanes(ending: asyncio.Event) -> None:
    """Run a procrastinate worker for each lane until we are to end, or one of them ends by itself."""
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=4, timeout=10.0)
    with app.replace_connector(connector):
        async with app.open_async():
            lanes = [asyncio.create_task(run_lane(queue, size)) for queue, size in LANES.items()]
            watch = asyncio.create_task(ending.wait())
            done, _ = await asyncio.wait([*lanes, watch], return_when=asyncio.FIRST_COMPLETED)
            for task in (*lanes, watch):
                task.cancel()
            await asyncio.gather(*lanes, watch, return_exceptions=True)
            for task in done - {watch}:
                task.result()


async def run_lane(queue: str, size: int) -> None:
    structlog.contextvars.bind_contextvars(queue=queue)
    await app.run_worker_async(
        queues=[queue],
        name=queue,
        concurrency=size,
        fetch_job_polling_interval=POLL_SECONDS,
        delete_jobs="successful",
        install_signal_handlers=False,
        shutdown_graceful_timeout=GRACE_SECONDS,
        update_heartbeat_interval=5.0,
    )
