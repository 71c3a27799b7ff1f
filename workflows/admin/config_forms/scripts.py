"""The part that is a script: an editor with highlighting, and what the script sees beside it."""

from workflows.admin.config_forms.texts import TextPart

SEEN = (
    ("contact.first_name", "also last_name, name, email, phone, timezone, source, id"),
    ("contact.custom_fields.size", "by the field's key; undefined where it is not set"),
    ("contact.tags", "list of names"),
    ("contact.owner.email", "also id, name"),
    ("trigger.page", "data that came with the event"),
    ("steps.webhook_call.status_code", "results of earlier steps by their keys"),
    ("inputs.base", "the inputs below, always texts"),
    ("console.log(…)", "writes a line into the step's log"),
)


class ScriptPart(TextPart):
    """JavaScript in a fixed width, with colors and line numbers where the browser runs ours."""

    template_name = "admin/config_forms/script.html"
    seen = SEEN
    is_long = True

    @property
    def described_by(self) -> str:
        return f"{super().described_by} {self.id}-keys".strip()
