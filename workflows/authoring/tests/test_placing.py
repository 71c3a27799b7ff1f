"""Where an action goes in its list."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.problems import Conflict, Invalid
from workflows.authoring.placing import insert, rearranged, relocate
from workflows.models import Action


def named(keys: str) -> list[Action]:
    return [Action(key=key) for key in keys]


def keys(items: list[Action]) -> str:
    return "".join(action.key for action in items)


class TestInsert:
    def test_appends_without_a_place(self) -> None:
        items = named("ab")

        assert insert(items, Action(key="x"), position=None, previous_action_id=None) == []
        assert keys(items) == "abx"

    @pytest.mark.parametrize(("position", "expected"), [(0, "xab"), (1, "axb"), (2, "abx")])
    def test_inserts_at_the_position(self, position: int, expected: str) -> None:
        items = named("ab")

        assert insert(items, Action(key="x"), position=position, previous_action_id=None) == []
        assert keys(items) == expected

    def test_inserts_behind_the_previous_action(self) -> None:
        items = named("ab")

        assert insert(items, Action(key="x"), position=None, previous_action_id=items[0].id) == []
        assert keys(items) == "axb"

    def test_takes_both_when_they_agree(self) -> None:
        items = named("ab")

        assert insert(items, Action(key="x"), position=1, previous_action_id=items[0].id) == []
        assert keys(items) == "axb"

    def test_refuses_both_when_they_do_not_agree(self) -> None:
        items = named("ab")

        with pytest.raises(Conflict) as refusal:
            insert(items, Action(key="x"), position=0, previous_action_id=items[0].id)

        assert refusal.value.problem.code == "action_position_conflict"
        assert keys(items) == "ab"

    @pytest.mark.parametrize(
        ("position", "code"),
        [
            (-1, "min_value"),
            (3, "max_value"),
            (10**30, "max_value"),
            ("1", "invalid"),
            (1.0, "invalid"),
            (True, "invalid"),
        ],
    )
    def test_refuses_a_position_that_is_none(self, position: object, code: str) -> None:
        items = named("ab")

        problems = insert(items, Action(key="x"), position=position, previous_action_id=None)  # type: ignore[arg-type]

        assert [(problem.code, problem.attr) for problem in problems] == [(code, "position")]
        assert keys(items) == "ab"

    def test_refuses_an_unknown_previous_action(self) -> None:
        items = named("ab")

        problems = insert(items, Action(key="x"), position=None, previous_action_id=uuid4())

        assert [(problem.code, problem.attr) for problem in problems] == [("action_not_found", "previous_action_id")]
        assert keys(items) == "ab"


class TestRelocate:
    @pytest.mark.parametrize(("position", "expected"), [(0, "abc"), (1, "bac"), (2, "bca")])
    def test_moves_within_the_list(self, position: int, expected: str) -> None:
        items = named("abc")

        assert relocate(items, items[0], position) == []
        assert keys(items) == expected

    def test_refuses_the_place_behind_the_last(self) -> None:
        items = named("abc")

        assert [problem.code for problem in relocate(items, items[0], 3)] == ["max_value"]
        assert keys(items) == "abc"


class TestRearranged:
    @pytest.mark.parametrize(
        ("positions", "expected"),
        [
            ({"a": 0}, "abcd"),  # where it is already
            ({"a": 3}, "bcda"),
            ({"d": 0}, "dabc"),
            ({"a": 1, "b": 0}, "bacd"),  # a swap at the head
            ({"c": 1}, "acbd"),
            ({"a": 2, "d": 0}, "dbac"),  # the others fill what is left, in their order
            ({"a": 3, "b": 2, "c": 1, "d": 0}, "dcba"),
        ],
    )
    def test_puts_the_named_where_they_are_named(self, positions: dict[str, int], expected: str) -> None:
        items = named("abcd")
        by_key = {action.key: action.id for action in items}

        assert keys(rearranged(items, {by_key[key]: place for key, place in positions.items()})) == expected

    @given(st.data())
    def test_keeps_everybody_and_the_order_of_the_others(self, data: st.DataObject) -> None:
        items = named("abcdefgh"[: data.draw(st.integers(1, 8))])
        moved = data.draw(st.lists(st.sampled_from(items), min_size=1, unique_by=lambda action: action.id))
        places = data.draw(st.permutations(range(len(items))))[: len(moved)]
        positions = {action.id: place for action, place in zip(moved, places, strict=True)}

        result = rearranged(items, positions)

        assert sorted(keys(result)) == sorted(keys(items))
        assert all(result[place].id == action_id for action_id, place in positions.items())
        others = [action for action in items if action.id not in positions]
        assert [action for action in result if action.id not in positions] == others

    def test_refuses_everything_wrong_at_once(self) -> None:
        items = named("abcd")
        stranger = uuid4()

        with pytest.raises(Invalid) as refusal:
            rearranged(items, {items[0].id: 1, items[1].id: 1, items[2].id: 4, items[3].id: -1, stranger: 0})

        assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [
            ("unique", f"action_positions.{items[1].id}"),
            ("max_value", f"action_positions.{items[2].id}"),
            ("min_value", f"action_positions.{items[3].id}"),
            ("action_not_found", f"action_positions.{stranger}"),
        ]

    def test_refuses_to_do_nothing(self) -> None:
        with pytest.raises(Invalid) as refusal:
            rearranged(named("ab"), {})

        assert [(problem.code, problem.attr) for problem in refusal.value.problems] == [
            ("required", "action_positions")
        ]
