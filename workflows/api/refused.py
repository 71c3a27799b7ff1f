"""Turning a service's refusal of one item into the answer of a request that sent one."""

from typing import TypeVar

from accounts.problems import Conflict, Invalid
from workflows.crm.refusals import Refused

T = TypeVar("T")


def accepted(answer: T | Refused) -> T:
    """Return the answer, or raise what the refusal means: 409 for an address that is taken, else 400."""
    if not isinstance(answer, Refused):
        return answer
    for problem in answer.problems:
        if problem.code == "contact_exists":
            raise Conflict(problem.code, problem.detail, problem.attr)
    raise Invalid(*answer.problems)
