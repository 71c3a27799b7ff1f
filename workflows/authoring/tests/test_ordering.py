"""The order derived from links."""

from uuid import UUID, uuid4

import pytest

from workflows.authoring.ordering import BrokenChain, ordered_lists, placed
from workflows.models import Action


def action(previous: Action | None = None, branch_id: UUID | None = None) -> Action:
    return Action(previous_action_id=previous and previous.id, branch_id=branch_id)


class TestOrderedLists:
    def test_has_an_empty_main_list_without_actions(self) -> None:
        assert ordered_lists([]) == {None: []}

    def test_follows_the_links_whatever_the_order_of_the_rows(self) -> None:
        first = action()
        second = action(first)
        third = action(second)

        assert ordered_lists([third, first, second]) == {None: [first, second, third]}

    def test_keeps_each_branch_apart(self) -> None:
        branch_id = uuid4()
        main, head = action(), action(branch_id=branch_id)
        tail = action(head, branch_id)

        assert ordered_lists([tail, main, head]) == {None: [main], branch_id: [head, tail]}

    def test_refuses_two_heads(self) -> None:
        with pytest.raises(BrokenChain, match="Two actions follow None"):
            ordered_lists([action(), action()])

    def test_refuses_two_actions_in_one_slot(self) -> None:
        first = action()

        with pytest.raises(BrokenChain, match=f"Two actions follow {first.id}"):
            ordered_lists([first, action(first), action(first)])

    def test_refuses_a_cycle(self) -> None:
        first = action()
        second = action(first)
        first.previous_action_id = second.id

        with pytest.raises(BrokenChain, match="Not reachable"):
            ordered_lists([first, second])

    def test_refuses_a_list_without_a_head(self) -> None:
        with pytest.raises(BrokenChain, match="Not reachable"):
            ordered_lists([action(action())])

    def test_refuses_a_link_into_another_branch(self) -> None:
        main = action()

        with pytest.raises(BrokenChain, match="Not reachable"):
            ordered_lists([main, action(main, branch_id=uuid4())])


class TestPlaced:
    def test_gives_each_action_its_position_and_the_next(self) -> None:
        first = action()
        second = action(first)

        items = placed(ordered_lists([second, first]))

        assert [(item.action, item.position, item.next_action_id) for item in items] == [
            (first, 0, second.id),
            (second, 1, None),
        ]

    def test_counts_positions_within_each_list(self) -> None:
        branch_id = uuid4()

        items = placed({None: [action()], branch_id: [action(branch_id=branch_id), action(branch_id=branch_id)]})

        assert [item.position for item in items] == [0, 0, 1]
