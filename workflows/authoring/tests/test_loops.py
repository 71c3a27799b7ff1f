"""Going round without a rest: refused before anybody is sent round."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.problems import Conflict, Invalid
from workflows.authoring.finding import Finding
from workflows.authoring.publishing import activate_workflow, pause_workflow
from workflows.authoring.tests.authors import ACTOR, Author
from workflows.authoring.validation import validate_workflow
from workflows.crm.tests.factories import CampaignFactory
from workflows.models import Action
from workflows.tests.factories import TriggerFactory

pytestmark = pytest.mark.django_db

WAIT = {"duration": 1, "unit": "days"}


@pytest.fixture
def author() -> Author:
    author = Author()
    TriggerFactory(workflow=author.workflow)
    return author


def go_to(author: Author, target: str, **fields: Any) -> Action:
    return author.add("go_to", {"target_key": target}, **fields).action


def start(author: Author, target: Author, **fields: Any) -> Action:
    return author.add("start_workflow", {"workflow_id": str(target.workflow.id)}, **fields).action


def wait(author: Author, **fields: Any) -> Action:
    return author.add("wait_time", WAIT, **fields).action


def found(author: Author) -> list[Finding]:
    return validate_workflow(account_id=author.workflow.account_id, workflow_id=author.workflow.id)


def codes(author: Author) -> list[tuple[str, str]]:
    return [(finding.code, finding.attr) for finding in found(author)]


def jump_of(action: Action) -> tuple[str, str]:
    return ("action_dependency_cycle", f"actions.{action.id}.action_config.target_key")


def start_of(action: Action) -> tuple[str, str]:
    return ("action_dependency_cycle", f"actions.{action.id}.action_config.workflow_id")


class TestJumps:
    def test_ahead_are_fine(self, author: Author) -> None:
        go_to(author, "c")
        author.add_keys("bc")

        assert codes(author) == []

    def test_back_need_a_wait_in_between(self, author: Author) -> None:
        author.add_keys("ab")
        jump = go_to(author, "a")
        assert codes(author) == [jump_of(jump)]

        wait(author, key="w", position=1)
        assert codes(author) == []

    def test_do_not_count_a_wait_outside_of_the_loop(self, author: Author) -> None:
        wait(author)
        author.add_keys("a")
        jump = go_to(author, "a")
        wait(author)

        assert codes(author) == [jump_of(jump)]

    def test_do_not_count_a_wait_that_is_jumped_over_or_off(self, author: Author) -> None:
        author.add_keys("a")
        over = go_to(author, "b", key="over")
        wait(author, key="w")
        author.add_keys("b")
        wait(author, key="off", is_enabled=False)
        back = go_to(author, "a", key="back")

        assert codes(author) == [jump_of(over), jump_of(back)]

    def test_count_only_when_enabled(self, author: Author) -> None:
        author.add_keys("a")
        go_to(author, "a", is_enabled=False)

        assert codes(author) == []

    def test_to_themselves_are_loops(self, author: Author) -> None:
        jump = go_to(author, "me", key="me")

        assert codes(author) == [jump_of(jump)]

    def test_to_a_disabled_action_go_on_behind_it(self, author: Author) -> None:
        author.add_keys("a")
        author.add(key="off", is_enabled=False)
        jump = go_to(author, "off")

        assert codes(author) == [jump_of(jump)]

    def test_need_their_target(self, author: Author) -> None:
        jump = go_to(author, "nowhere")

        (finding,) = found(author)
        attr = f"actions.{jump.id}.action_config.target_key"
        assert (finding.code, finding.attr, finding.action_id) == ("action_not_found", attr, jump.id)
        assert finding.detail == "No action has the key 'nowhere'."

    def test_keep_their_target_from_being_renamed(self, author: Author) -> None:
        (target,) = author.add_keys("a")
        wait(author)
        go_to(author, "a", key="jump")

        with pytest.raises(Conflict) as refusal:
            author.update(target, key="b")

        assert (refusal.value.problem.code, refusal.value.problem.attr) == ("in_use", "key")
        assert author.items()[0].action.key == "a"

    def test_keep_the_workflow_from_being_activated(self, author: Author) -> None:
        author.add_keys("a")
        jump = go_to(author, "a")

        with pytest.raises(Invalid) as refusal:
            activate(author)

        assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [jump_of(jump)]
        author.workflow.refresh_from_db()
        assert (author.workflow.status, author.workflow.version) == ("draft", 0)


def activate(author: Author) -> None:
    activate_workflow(**author.who)


class TestStarts:
    @pytest.fixture
    def second(self, author: Author) -> Author:
        second = Author(account=author.workflow.account)
        TriggerFactory(workflow=second.workflow)
        return second

    def test_of_itself_are_circles(self, author: Author) -> None:
        action = start(author, author)

        assert codes(author) == [start_of(action)]

    def test_in_a_circle_are_refused(self, author: Author, second: Author) -> None:
        there = start(author, second)
        start(second, author)
        activate(second)

        assert codes(author) == [start_of(there)]
        with pytest.raises(Invalid):
            activate(author)

    def test_count_what_is_paused_too(self, author: Author, second: Author) -> None:
        there = start(author, second)
        start(second, author)
        activate(second)
        pause_workflow(**{**second.who, "actor": ACTOR})

        assert codes(author) == [start_of(there)]

    def test_do_not_count_drafts(self, author: Author, second: Author) -> None:
        start(author, second)
        start(second, author)

        assert codes(author) == []

    def test_are_found_through_a_third(self, author: Author, second: Author) -> None:
        third = Author(account=author.workflow.account)
        there = start(author, second)
        start(second, third)
        start(third, author)
        activate(third)
        activate(second)

        assert codes(author) == [start_of(there)]

    @pytest.mark.parametrize("waiting", ["here", "there"])
    def test_behind_a_wait_are_fine(self, author: Author, second: Author, waiting: str) -> None:
        wait(author if waiting == "here" else second)
        start(author, second)
        start(second, author)
        activate(second)

        assert codes(author) == []

    @pytest.mark.parametrize("skip_if_enrolled", [False, True])
    def test_through_a_campaign_that_members_start_anew_are_circles(
        self, author: Author, second: Author, skip_if_enrolled: bool
    ) -> None:
        campaign = CampaignFactory(account=author.workflow.account, workflow_id=second.workflow.id)
        config = {"campaign_id": str(campaign.id), "skip_if_enrolled": skip_if_enrolled}
        joining = author.add("add_to_campaign", config).action
        start(second, author)
        activate(second)

        attr = f"actions.{joining.id}.action_config.campaign_id"
        assert codes(author) == ([] if skip_if_enrolled else [("action_dependency_cycle", attr)])

    def test_that_are_off_are_fine(self, author: Author, second: Author) -> None:
        author.add()
        start(author, second, is_enabled=False)
        start(second, author)
        activate(second)

        assert codes(author) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_workflows_that_start_each_other_one_is_activated() -> None:
    first = Author()
    second = Author(account=first.workflow.account)
    start(first, second)
    start(second, first)
    barrier = Barrier(2)

    def try_to_activate(author: Author) -> bool:
        barrier.wait()
        try:
            activate(author)
        except Invalid:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(try_to_activate, [first, second])) == [False, True]
