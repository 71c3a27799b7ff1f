"""The action `add_note`."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Outcome
from workflows.actions.registry import registry
from workflows.actions.set_based import SetBasedAction, rendered
from workflows.configs.fields import ChoiceField, TemplateField
from workflows.crm.models import NoteType
from workflows.crm.services.notes import NoteDraft, add_notes

CONTENT_LIMIT = 5000


@registry.register
class AddNote(SetBasedAction[NoteDraft]):
    """Write a note about the contact."""

    slug = "add_note"
    label = "Add note"
    category = Category.CRM
    icon = "note_add"
    example = {"content": "{{ contact.first_name | default: 'The contact' }} asked for a call back."}
    results = {"note_id": "Id of the note."}
    events = ("note_added",)

    class Config(ActionConfig):
        content = TemplateField(max_length=CONTENT_LIMIT, help_text="The note, 1–5000 characters when rendered.")
        note_type = ChoiceField(
            NoteType.values, default=NoteType.GENERAL.value, help_text="How the note is filed: by kind."
        )

    def prepare(self, step: Step, config: Mapping[str, Any]) -> NoteDraft:
        content = rendered(step, config["content"], field="content", limit=CONTENT_LIMIT, required=True)
        return NoteDraft(contact=step.contact, content=content, note_type=config["note_type"], cause=step.cause)

    def write(self, batch: StepBatch, drafts: Sequence[NoteDraft]) -> Sequence[Outcome]:
        note_ids = add_notes(account_id=batch.account.id, drafts=drafts, now=batch.now)
        return [
            Done({"note_id": str(note_id)}, data={"content": draft.content, "note_type": draft.note_type})
            for draft, note_id in zip(drafts, note_ids, strict=True)
        ]

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(str(config.get("content", "")))
