"""A step as a job of its own: each job takes one step of one contact and queues the next."""

import asyncio

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector

from benchmarks.orm import take_step

QUEUE = "baseline"
CONCURRENCY = 4


@app.task(name="benchmarks.step", queue=QUEUE)
def step(execution_id: str) -> None:
    """Take one step."""
    if take_step(execution_id):
        step.defer(execution_id=execution_id)


def work_off() -> None:
    """Work until no job is left."""
    while remaining():
        asyncio.run(work_once())


async def work_once() -> None:
    with app.replace_connector(PsycopgConnector(kwargs=connector_params())):
        async with app.open_async():
            await app.run_worker_async(
                queues=[QUEUE], wait=False, concurrency=CONCURRENCY, delete_jobs="successful", listen_notify=False
            )


def remaining() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE queue_name = %s)", [QUEUE])
        return bool(cursor.fetchone()[0])
