from pathlib import Path

import pytest

from accounts.problems import Invalid
from workflows import actions
from workflows.actions.base import ActionType, Category
from workflows.actions.registry import Registry, UnknownActionType, registry


class Wave(ActionType):
    """Wave at the contact."""

    slug = "wave"
    label = "Wave"
    category = Category.FLOW
    icon = "waving_hand"
    example = {}


class TestRegistry:
    def test_refuses_a_slug_that_is_taken(self):
        types = Registry()
        types.register(Wave)
        with pytest.raises(ValueError, match="two action types call themselves 'wave'"):
            types.register(Wave)
        assert len(types) == 1

    def test_finds_one_type_in_each_file_of_a_category(self):
        folders = [Path(actions.__file__).parent / category for category in Category]
        files = {file.stem for folder in folders for file in folder.glob("*.py") if file.stem != "__init__"}
        assert {kind.slug for kind in registry} == files

    def test_goes_by_category_and_then_by_name(self):
        order = [(list(Category).index(kind.category), kind.slug) for kind in registry]
        assert order == sorted(order)

    def test_raises_for_a_slug_that_nobody_has(self):
        with pytest.raises(UnknownActionType):
            registry.get("send_pigeon")

    def test_names_the_nearest_type(self):
        with pytest.raises(Invalid) as refusal:
            registry.require("ad_tag")
        (problem,) = refusal.value.problems
        assert (problem.code, problem.attr) == ("invalid_action_type", "action_type")
        assert problem.detail == "There is no action type `ad_tag`; did you mean `add_tag`?"

    def test_loads_no_tests(self):
        fresh = Registry()
        fresh.load()
        assert "wave" not in registry

    def test_asks_a_type_for_its_step(self):
        with pytest.raises(TypeError, match="Wave implements neither run_many nor run"):
            Wave().run(None)
