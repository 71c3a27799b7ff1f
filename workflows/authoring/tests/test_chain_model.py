"""Any sequence of changes leaves the one list that a Python list would be."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.problems import Invalid, Missing
from workflows.authoring.tests.authors import Author

pytestmark = pytest.mark.django_db

PLACE = st.integers(-1, 9)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.none() | PLACE),
        st.tuples(st.just("add_behind"), PLACE),
        st.tuples(st.just("update"), PLACE, PLACE),
        st.tuples(st.just("move"), PLACE, PLACE),
        st.tuples(st.just("reorder"), st.dictionaries(PLACE, PLACE, max_size=4)),
        st.tuples(st.just("remove"), PLACE),
        st.tuples(st.just("duplicate"), PLACE),
    ),
    max_size=12,
)


class Model:
    """The workflow as a list of ids; `apply` changes it and the real one alike."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self.ids: list[UUID] = []

    def id_at(self, place: int) -> UUID:
        """Return the id at a place; places that do not exist give an id that does not exist."""
        return self.ids[place] if 0 <= place < len(self.ids) else uuid4()

    def apply(self, verb: str, *arguments: Any) -> None:
        getattr(self, verb)(*arguments)
        items = self.author.items()
        assert [item.action.id for item in items] == self.ids
        assert [item.position for item in items] == list(range(len(self.ids)))
        assert [item.action.previous_action_id for item in items] == [None, *self.ids][: len(self.ids)]
        assert [item.next_action_id for item in items] == [*self.ids[1:], None][: len(self.ids)]

    def add(self, position: int | None) -> None:
        place = len(self.ids) if position is None else position
        if 0 <= place <= len(self.ids):
            self.ids.insert(place, self.author.add(position=position).action.id)
        else:
            with pytest.raises(Invalid), transaction.atomic():
                self.author.add(position=position)

    def add_behind(self, place: int) -> None:
        previous = self.id_at(place)
        if previous in self.ids:
            self.ids.insert(place + 1, self.author.add(previous_action_id=previous).action.id)
        else:
            with pytest.raises(Invalid), transaction.atomic():
                self.author.add(previous_action_id=previous)

    def update(self, place: int, position: int) -> None:
        self._change_place(place, position, self.author.update)

    def move(self, place: int, position: int) -> None:
        self._change_place(place, position, self.author.move)

    def _change_place(self, place: int, position: int, change: Any) -> None:
        action_id = self.id_at(place)
        if action_id not in self.ids:
            with pytest.raises(Missing), transaction.atomic():
                change(action_id, position=position)
        elif 0 <= position < len(self.ids):
            change(action_id, position=position)
            self.ids.remove(action_id)
            self.ids.insert(position, action_id)
        else:
            with pytest.raises(Invalid), transaction.atomic():
                change(action_id, position=position)

    def reorder(self, wanted: dict[int, int]) -> None:
        positions = {self.id_at(place): position for place, position in wanted.items()}
        is_possible = (
            positions
            and set(positions) <= set(self.ids)
            and len(set(positions.values())) == len(positions)
            and all(0 <= position < len(self.ids) for position in positions.values())
        )
        if not is_possible:
            with pytest.raises(Invalid), transaction.atomic():
                self.author.reorder(positions)
            return
        self.author.reorder(positions)
        result = [action_id for action_id in self.ids if action_id not in positions]
        for action_id, position in sorted(positions.items(), key=lambda pair: pair[1]):
            result.insert(position, action_id)
        self.ids = result

    def remove(self, place: int) -> None:
        action_id = self.id_at(place)
        if action_id in self.ids:
            self.author.remove(action_id)
            self.ids.remove(action_id)
        else:
            with pytest.raises(Missing), transaction.atomic():
                self.author.remove(action_id)

    def duplicate(self, place: int) -> None:
        action_id = self.id_at(place)
        if action_id in self.ids:
            self.ids.insert(place + 1, self.author.duplicate(action_id).action.id)
        else:
            with pytest.raises(Missing), transaction.atomic():
                self.author.duplicate(action_id)


@given(changes=CHANGES)
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_changes_keeps_one_valid_list(changes: list[tuple[Any, ...]]) -> None:
    model = Model(Author())
    for _ in range(3):
        model.apply("add", None)

    for verb, *arguments in changes:
        model.apply(verb, *arguments)
