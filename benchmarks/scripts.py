"""Customers' code: one call by itself, in a new process each time and in a cell of a template, and the lane's rate."""

import statistics
import time
from collections.abc import Callable

from accounts.models import Account
from benchmarks.outside import PROCESSES, run
from benchmarks.server import workers
from workflows import sandbox
from workflows.actions.registry import registry
from workflows.sandbox.template import templates

CALLS = 200
FRESH_CALLS = 30
CONTACTS = 2000
ROUNDS = 3
GIVEN = {"contact": {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@acme.example", "phone": ""}}


def measure() -> dict[str, float]:
    """Return every figure by its name; prints what happens on the way."""
    code = registry.get("custom_code").example["code"]
    given = {**GIVEN, "trigger": {}, "steps": {}, "inputs": {"base": "10"}}

    def call() -> None:
        result = sandbox.run(code, given)
        if result.error:
            raise RuntimeError(str(result.error))

    def fresh_call() -> None:
        templates.end()
        call()

    figures = {
        "custom_code_median_ms": median_ms(call, CALLS),
        "custom_code_median_ms_in_a_new_process": median_ms(fresh_call, FRESH_CALLS),
    }
    account = Account.objects.create(name="Scripts")
    config = {"code": code, "inputs": {"base": "10"}, "outputs": ["score"]}
    with workers(PROCESSES):
        run(account, "custom_code", config, 100)
        rates = []
        for _ in range(ROUNDS):
            rates.append(run(account, "custom_code", config, CONTACTS))
            print(f"custom_code: {rates[-1]:,.0f}/s", flush=True)
    return figures | {"custom_code_per_second": statistics.median(rates)}


def median_ms(call: Callable[[], None], count: int) -> float:
    """Return the median of so many calls, in milliseconds."""
    call()
    taken = []
    for _ in range(count):
        started = time.monotonic()
        call()
        taken.append((time.monotonic() - started) * 1000)
    return statistics.median(taken)
