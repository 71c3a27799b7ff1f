"""What a set-based service answers for an item that it left out while it did the others."""

from dataclasses import dataclass
from typing import TypeVar

from accounts.problems import Conflict, Invalid, Problem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one item of a call was left out; nothing of it was written."""

    problems: tuple[Problem, ...]

    @property
    def detail(self) -> str:
        return " ".join(problem.detail for problem in self.problems)


def accepted(answer: T | Refused) -> T:
    """Return the answer of a call with one item, or raise its refusal: Conflict for an address that is taken."""
    if not isinstance(answer, Refused):
        return answer
    for problem in answer.problems:
        if problem.code == "contact_exists":
            raise Conflict(problem.code, problem.detail, problem.attr)
    raise Invalid(*answer.problems)
