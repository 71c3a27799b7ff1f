"""What can be added: every registered type, by category."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.actions.base import ActionType, Category
from workflows.actions.registry import registry as action_types


@dataclass(frozen=True, slots=True)
class Choice:
    """A type as the palette shows it."""

    kind: ActionType
    sentence: str
    """The first sentence of its description."""

    @property
    def words(self) -> str:
        """What the search looks in."""
        return f"{self.kind.label} {self.kind.slug.replace('_', ' ')} {self.sentence}".lower()


@dataclass(frozen=True, slots=True)
class Shelf:
    """The types of one category."""

    category: Category
    choices: Sequence[Choice]


def shelves() -> list[Shelf]:
    """Return all categories in order, each with its types; one without types is left out."""
    choices = [Choice(kind, first_sentence(kind.description())) for kind in action_types]
    filled = [
        Shelf(category, [choice for choice in choices if choice.kind.category is category]) for category in Category
    ]
    return [shelf for shelf in filled if shelf.choices]


def first_sentence(description: str) -> str:
    """Return the first sentence of a description, without its marks of code."""
    paragraph = " ".join(description.split("\n\n", 1)[0].split()).replace("`", "")
    return paragraph.split(". ", 1)[0].rstrip(".") + "." if paragraph else ""
