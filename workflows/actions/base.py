"""The contract of an action type, and the values it is run with."""

import enum
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Outcome
from workflows.crm.copies import Cause, ContactCopy, ContactView


class Category(enum.StrEnum):
    """Where the palette and the API list a type."""

    COMMUNICATION = "communication"
    CRM = "crm"
    TIMING = "timing"
    INTERNAL = "internal"
    MEMBERSHIP = "membership"
    FLOW = "flow"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What steps may know of their account."""

    id: UUID
    name: str
    timezone: str
    currency: str
    default_country: str


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    """What steps may know of their workflow; `timezone` is never empty."""

    id: UUID
    name: str
    version: int
    timezone: str
    owner_id: UUID | None


@dataclass(slots=True, eq=False)
class Step:
    """One contact standing at one step."""

    execution_id: UUID
    log_id: UUID
    """Id of this visit's log row: what events name as their cause."""
    visit: int
    depth: int
    contact: ContactCopy
    trigger: Mapping[str, Any]
    results: Mapping[str, Any]
    """Results of earlier steps by key: `steps.*` of templates."""
    batch: "StepBatch | None" = None

    @property
    def cause(self) -> Cause:
        return Cause(action_execution_id=self.log_id, depth=self.depth)

    def context(self) -> dict[str, Any]:
        """Return the variables of this step's templates."""
        assert self.batch is not None
        return {
            "contact": ContactView(self.contact),
            "trigger": self.trigger,
            "steps": self.results,
            "execution": {"id": str(self.execution_id)},
            **self.batch.shared_context,
        }


class StepBatch(Sequence[Step]):
    """Contacts that stand at the same step of the same version at the same time."""

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        account: AccountFacts,
        workflow: WorkflowFacts,
        action_id: UUID,
        action_key: str,
        config: Mapping[str, Any],
        now: datetime,
    ) -> None:
        self._steps = steps
        self.account = account
        self.workflow = workflow
        self.action_id = action_id
        self.action_key = action_key
        self.config = config
        self.now = now
        self.shared_context = {
            "account": {"id": str(account.id), "name": account.name, "timezone": account.timezone},
            "workflow": {"id": str(workflow.id), "name": workflow.name, "version": workflow.version},
        }
        for step in steps:
            step.batch = self

    def __getitem__(self, index: Any) -> Any:
        return self._steps[index]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


class ActionType(ABC):
    """A kind of step. The docstring of a subclass becomes its description in the API and `docs/actions.md`.

    A subclass sets `slug`, `label`, `category`, `icon` (a Material Symbols name), `example` (a config that is
    accepted), `Config` and implements `run_many` or `run`.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    category: ClassVar[Category]
    icon: ClassVar[str]
    example: ClassVar[Mapping[str, Any]]

    sends_message: ClassVar[bool] = False
    has_branches: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    secret_fields: ClassVar[tuple[str, ...]] = ()

    class Config(ActionConfig):
        """Subclasses declare the fields of their config here."""

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        """Take the step for all contacts and return one outcome each, in order.

        Runs inside the engine's transaction, with every contact locked; uses a number of queries that does not
        depend on the number of contacts. Raising makes the engine halve the batch down to the step at fault.
        """
        return [self.run(step) for step in steps]

    def run(self, step: Step) -> Outcome:
        """Take the step for one contact; enough for types without queries of their own."""
        raise TypeError(f"{type(self).__name__} implements neither run_many nor run")

    def summary(self, config: Mapping[str, Any]) -> str:
        """Return the line that an editor's card shows, ≤ 120 characters."""
        return ""
