"""What authors are told of a workflow: problems, which keep it from being activated, and warnings."""

import enum
from dataclasses import dataclass
from uuid import UUID

from accounts.problems import Problem


class Severity(enum.StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an author should look at; an error prevents activation."""

    code: str
    detail: str
    attr: str
    severity: Severity = Severity.ERROR
    action_id: UUID | None = None

    @property
    def problem(self) -> Problem:
        return Problem(self.code, self.detail, self.attr)
