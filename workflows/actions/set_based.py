"""The common shape of types that write records: prepare each contact in memory, then write all of them at once."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from workflows.actions.base import ActionType, Step, StepBatch
from workflows.actions.outcomes import Failed, Outcome
from workflows.templating import RenderProblem, TemplateProblem, compile_template

INVALID_CONFIG = "invalid_config"
REJECTED = "rejected"

Draft = TypeVar("Draft")


class Unfit(Exception):
    """This contact cannot take the step; the others of the batch can."""

    def __init__(self, message: str, error_class: str = REJECTED) -> None:
        super().__init__(message)
        self.error_class = error_class


class SetBasedAction(ActionType, Generic[Draft]):
    """A type whose steps are prepared one by one without queries and written together."""

    @abstractmethod
    def prepare(self, step: Step, config: Mapping[str, Any]) -> Draft:
        """Return what shall be written for the contact, or raise Unfit. Makes no queries."""

    @abstractmethod
    def write(self, batch: StepBatch, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        """Write all drafts and return their outcomes in order. The number of queries does not depend on theirs."""

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for turn in turns(steps):
            drafts: dict[int, Draft] = {}
            for index in turn:
                try:
                    drafts[index] = self.prepare(steps[index], steps.config)
                except Unfit as problem:
                    outcomes[index] = Failed(problem.error_class, str(problem))
            if drafts:
                outcomes.update(zip(drafts, self.write(steps, list(drafts.values())), strict=True))
        return [outcomes[index] for index in range(len(steps))]


def turns(steps: StepBatch) -> Iterator[list[int]]:
    """Yield the indices of steps so that each contact occurs once in a turn.

    A contact that stands there with two executions takes the step twice, the second time as the first one left it.
    """
    waiting = range(len(steps))
    while waiting:
        turn: list[int] = []
        later: list[int] = []
        seen = set()
        for index in waiting:
            contact_id = steps[index].contact.id
            (later if contact_id in seen else turn).append(index)
            seen.add(contact_id)
        yield turn
        waiting = later  # type: ignore[assignment]


def rendered(step: Step, source: str, *, field: str, limit: int, required: bool = False, trim: bool = True) -> str:
    """Return a template's text for the step's contact; raise Unfit when it is too long or, if required, blank."""
    try:
        template = compile_template(source)
        text = source if template.is_plain else template.render(step.context(), work=step.work)
    except (RenderProblem, TemplateProblem) as problem:
        raise Unfit(f"{field}: {problem}", INVALID_CONFIG) from None
    if trim:
        text = text.strip()
    if len(text) > limit:
        raise Unfit(f"{field} has {len(text)} characters after rendering; {limit} fit.")
    if required and not text.strip():
        raise Unfit(f"{field} is empty after rendering.")
    return text


def rendered_value(step: Step, value: Any, *, field: str, limit: int) -> Any:
    """Return the value of a TemplateValueField with its templates rendered, outer blanks kept; empty items go."""
    if isinstance(value, str):
        return rendered(step, value, field=field, limit=limit, trim=False)
    if isinstance(value, list):
        texts = [text for item in value if (text := rendered(step, item, field=field, limit=limit))]
        if sum(map(len, texts)) > limit:
            raise Unfit(f"{field} has more than {limit} characters in all after rendering.")
        return texts
    return value
