"""The contract of an action type, and the values it is run with."""

import enum
import inspect
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from accounts.actors import Actor
from accounts.problems import Problem
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Outcome, Verdict
from workflows.configs.base import clean, complete
from workflows.configs.names import names_in
from workflows.configs.references import references_in
from workflows.crm.copies import Cause, ContactCopy, ContactView
from workflows.templating import Work

SUMMARY_LENGTH = 120


class Category(enum.StrEnum):
    """Where the palette and the API list a type."""

    COMMUNICATION = "communication"
    CRM = "crm"
    TIMING = "timing"
    INTERNAL = "internal"
    MEMBERSHIP = "membership"
    FLOW = "flow"

    @property
    def label(self) -> str:
        return "CRM" if self is Category.CRM else self.value.capitalize()


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
    key: UUID | None = None
    """Idempotency key of an effect outside: the same on every attempt, after every crash."""
    attempt: int = 0
    """How often that effect was tried before."""
    is_resumed: bool = False
    """Whether the wait that the step began is over, or may be, and a type that asks again is asked what comes now."""
    work: Work = field(default_factory=Work)
    """What rendering cost so far: the templates of one step share one limit."""

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
            "now": now,  # read by the `date` filter; no variable of its own
        }
        for step in steps:
            step.batch = self

    @property
    def actor(self) -> Actor:
        """On whose behalf the steps change records."""
        return Actor(label=f"Workflow {self.workflow.name}")

    def part(self, indices: Sequence[int]) -> "StepBatch":
        """Return some of the steps as a batch of their own."""
        return StepBatch(
            [self._steps[index] for index in indices],
            account=self.account,
            workflow=self.workflow,
            action_id=self.action_id,
            action_key=self.action_key,
            config=self.config,
            now=self.now,
        )

    def __getitem__(self, index: Any) -> Any:
        return self._steps[index]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def shortened(text: str) -> str:
    """Return a text as one line of at most 120 characters, for an editor's card."""
    line = " ".join(text.split())
    return line if len(line) <= SUMMARY_LENGTH else f"{line[: SUMMARY_LENGTH - 1]}…"


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
    results: ClassVar[Mapping[str, str]] = {}
    """What a completed step reports: name in `steps.<key>.*` to one sentence."""
    events: ClassVar[tuple[str, ...]] = ()
    """Events of the catalogue that the step may record."""

    sends_message: ClassVar[bool] = False
    has_branches: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    """Whether the step is taken anew, as `Step.is_resumed`, when its wait is over: it may wait on or go on. Such a type
    reckons its time anew, so that waking it early is harmless."""
    secret_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of the config that are neither shown nor logged, though what they hold are ids of secrets only."""

    class Config(ActionConfig):
        """Subclasses declare the fields of their config here."""

    def clean_config(self, config: Any, *, account_id: UUID) -> dict[str, Any]:
        """Return what was sent, checked and normalised, without defaults: what an action stores.

        Raises Invalid with every problem at once; paths are relative to the config (`field_updates.0.field`), None
        means the config as a whole.
        """
        return clean(self.Config, config, account_id=account_id)

    def keep_secrets(
        self, config: dict[str, Any], stored: Mapping[str, Any], *, account_id: UUID, actor: Actor
    ) -> dict[str, Any]:
        """Return a cleaned config with every secret in it kept apart and named by its id.

        `stored` is the action's config so far: its secrets stay where the new config has none. Called with the action's
        workflow locked, inside the transaction that saves the action. Raises Invalid.
        """
        return config

    def shown_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stored config as people may see it."""
        return {name: value for name, value in config.items() if name not in self.secret_fields}

    def complete_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a cleaned config with its defaults filled in: what versions hold and `run_many` gets."""
        return complete(self.Config, config)

    def references(self, config: Mapping[str, Any]) -> list[tuple[str, UUID, str]]:
        """Return (kind, id, path inside the config) of every object of the account that a cleaned config names."""
        return list(references_in(self.Config, config))

    def names(self, config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """Return (kind, name, path inside the config) of every object that a cleaned config names as people do."""
        return list(names_in(self.Config, config))

    def jump_target(self, config: Mapping[str, Any]) -> str | None:
        """Return the key of the action at which contacts go on, for types that jump."""
        return None

    def started_workflow(self, config: Mapping[str, Any], *, account_id: UUID) -> UUID | None:
        """Return the workflow that contacts enter besides, for types that start one."""
        return None

    def watched_fields(self, config: Mapping[str, Any]) -> Sequence[str]:
        """Return the fields of the contact, custom ones as `custom_fields.<key>`, whose change ends a wait at once.

        For types that ask again: what comes then is for the step to say.
        """
        return ()

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        """Return what the account still lacks for a correct config to work; keeps a workflow from being activated."""
        return ()

    @classmethod
    def description(cls) -> str:
        """Return the docstring as one text."""
        return inspect.getdoc(cls) or ""

    @classmethod
    def traits(cls) -> dict[str, bool]:
        """Return what an editor may want to know of the type besides its config."""
        return {"sends_message": cls.sends_message, "has_branches": cls.has_branches, "waits": cls.waits}

    def run_many(self, steps: StepBatch) -> Sequence[Outcome]:
        """Take the step for all contacts and return one outcome each, in order.

        Runs inside the engine's transaction, with every contact locked; uses a number of queries that does not
        depend on the number of contacts. Raising makes the engine halve the batch down to the step at fault.
        """
        return [self.run(step) for step in steps]

    def run(self, step: Step) -> Outcome:
        """Take the step for one contact; enough for types without queries of their own."""
        raise TypeError(f"{type(self).__name__} implements neither run_many nor run")

    def conclude_many(self, steps: StepBatch, verdicts: Sequence[Verdict]) -> Sequence[Outcome]:
        """Return the outcomes of the steps whose `run_many` said Enroll or CancelRuns, once that was carried out.

        Same transaction, same locks, same rules; must not ask for more.
        """
        raise TypeError(f"{type(self).__name__} asks for what it cannot conclude")

    def summary(self, config: Mapping[str, Any]) -> str:
        """Return the line that an editor's card shows, ≤ 120 characters."""
        return ""
