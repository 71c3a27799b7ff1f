"""Many editors of one workflow at once, each with a database connection of its own."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from accounts.problems import Conflict, Invalid, Missing
from accounts.tests.factories import AccountFactory
from workflows.authoring import workflows
from workflows.authoring.tests.authors import ACTOR, Author
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same time, a thread each; return what each returned or raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - judged by the test
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


class TestOneWorkflow:
    def test_holds_exactly_fifty_actions_when_sixty_are_added_at_once(self) -> None:
        author = Author()

        results = at_once([author.add] * 60)

        refusals = [result for result in results if isinstance(result, Exception)]
        assert [getattr(refusal, "problem", refusal).code for refusal in refusals] == ["maximum_actions_exceeded"] * 10
        assert len(author.items()) == 50
        assert len({item.action.key for item in author.items()}) == 50

    def test_stays_one_valid_list_under_every_kind_of_change(self) -> None:
        author = Author()
        author.add_keys("abcdefgh")

        results = at_once([lambda seed=seed: wander(author, random.Random(seed), changes=12) for seed in range(20)])

        assert results == [None] * 20
        items = author.items()
        assert [item.position for item in items] == list(range(len(items)))


def wander(author: Author, chance: random.Random, *, changes: int) -> None:
    """Make random changes; refusals for what others did meanwhile are expected, anything else is raised."""
    for _ in range(changes):
        ids = [item.action.id for item in author.items()]
        try:
            match chance.choice(["add", "add", "move", "reorder", "remove", "duplicate"]):
                case "add":
                    author.add(position=chance.randint(0, len(ids)))
                case "move":
                    author.move(chance.choice(ids), chance.randrange(len(ids)))
                case "reorder":
                    moved = chance.sample(ids, min(3, len(ids)))
                    author.reorder(dict(zip(moved, chance.sample(range(len(ids)), len(moved)), strict=True)))
                case "remove":
                    author.remove(chance.choice(ids))
                case "duplicate":
                    author.duplicate(chance.choice(ids))
        except (Invalid, Missing):
            continue  # the action or the position was gone by then
        except Conflict as refusal:
            if refusal.problem.code != "maximum_actions_exceeded":
                raise


class TestOneAccount:
    def test_gives_a_name_once(self) -> None:
        account = AccountFactory()

        results = at_once(
            [
                lambda name=name: workflows.create_workflow(account_id=account.id, actor=ACTOR, name=name)
                for name in ["Welcome", "WELCOME", "welcome", "Welcome "] * 3
            ]
        )

        assert [result.problem.code for result in results if isinstance(result, Conflict)] == ["name_taken"] * 11
        assert Workflow.objects.for_account(account.id).count() == 1

    def test_never_has_more_workflows_than_its_limit(self) -> None:
        account = AccountFactory(workflow_limit=3)

        results = at_once(
            [
                lambda number=number: workflows.create_workflow(
                    account_id=account.id, actor=ACTOR, name=f"Workflow {number}"
                )
                for number in range(10)
            ]
        )

        refused = [result.problem.code for result in results if isinstance(result, Conflict)]
        assert refused == ["workflow_limit_reached"] * 7
        assert Workflow.objects.for_account(account.id).count() == 3

    def test_lets_two_workflows_trade_names_without_a_deadlock(self) -> None:
        account = AccountFactory()
        first, second = (
            workflows.create_workflow(account_id=account.id, actor=ACTOR, name=name) for name in ("Left", "Right")
        )

        results = at_once(
            [
                lambda: workflows.update_workflow(
                    account_id=account.id, actor=ACTOR, workflow_id=first.id, changes={"name": "Right"}
                ),
                lambda: workflows.update_workflow(
                    account_id=account.id, actor=ACTOR, workflow_id=second.id, changes={"name": "Left"}
                ),
            ]
        )

        assert [result.problem.code for result in results] == ["name_taken", "name_taken"]
