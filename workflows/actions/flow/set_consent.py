"""The action `set_consent`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import SetBasedAction, rendered
from workflows.configs.fields import ChoiceField, ListField, TemplateField
from workflows.crm.models import Channel, ConsentState
from workflows.crm.services.consents import ConsentChange, set_consents

EVIDENCE_LIMIT = 1000
WORDS = {ConsentState.OPT_IN: "Opt in to", ConsentState.OPT_OUT: "Opt out of"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What one contact is to have said."""

    step: Step
    evidence: str


@registry.register
class SetConsent(SetBasedAction[Draft]):
    """Record that the contact allowed or forbade to be written to or called, by channel.

    An opt-out holds from that moment on, also for what is queued. One that the contact gave is lifted only by evidence
    newer than itself: the step counts as given at the moment it is taken.
    """

    slug = "set_consent"
    label = "Set consent"
    category = Category.FLOW
    icon = "verified_user"
    example = {"channels": ["email", "sms"], "state": "opt_in", "evidence": "Ticked the box of the sign-up form"}
    results = {"state": "The state that was set.", "changed": "Channels whose state is now another than before."}
    events = ("unsubscribed",)

    class Config(ActionConfig):
        channels = ListField(
            child=ChoiceField(Channel.values), min_length=1, max_length=len(Channel), help_text="One or more channels."
        )
        state = ChoiceField(ConsentState.values, help_text="Whether the contact allows it or forbids it.")
        evidence = TemplateField(
            max_length=EVIDENCE_LIMIT,
            help_text="How it is known: form, reply, document; 1–1000 characters when rendered. Kept as proof.",
        )

    def prepare(self, step: Step, config: Mapping[str, Any]) -> Draft:
        evidence = rendered(step, config["evidence"], field="evidence", limit=EVIDENCE_LIMIT, required=True)
        return Draft(step, evidence)

    def write(self, batch: StepBatch, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        channels = list(dict.fromkeys(batch.config["channels"]))
        state = batch.config["state"]
        changes = [
            ConsentChange(
                draft.step.contact.id, channel, state, batch.now, evidence=draft.evidence, cause=draft.step.cause
            )
            for draft in drafts
            for channel in channels
        ]
        answers = iter(set_consents(account_id=batch.account.id, changes=changes, now=batch.now))
        return [
            Done(
                {"state": state, "changed": [channel for channel in channels if next(answers)]},
                {"channels": channels, "state": state, "evidence": draft.evidence},
            )
            for draft in drafts
        ]

    def summary(self, config: Mapping[str, Any]) -> str:
        word = WORDS.get(config.get("state", ""), "Consent for")
        return shortened(f"{word} {', '.join(config.get('channels', ()))}")
