"""What a set-based service answers for an item that it left out while it did the others."""

from dataclasses import dataclass

from accounts.problems import Problem


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one item of a call was left out; nothing of it was written."""

    problems: tuple[Problem, ...]

    @property
    def detail(self) -> str:
        return " ".join(problem.detail for problem in self.problems)
