"""Refusals at the fields of plain forms."""

from django import forms

from accounts.problems import Invalid, Stale
from workflows.admin.editor.answers import Refusal

STALE = (
    "Somebody else changed this workflow meanwhile. What you typed is still here and not saved; the steps behind this"
    " form are as they are now. Save again to apply it."
)


def add_refusal(form: forms.Form, refusal: Refusal) -> None:
    """Show a refusal at the fields that it names by the last part of their path, else above the form."""
    if isinstance(refusal, Stale):
        form.add_error(None, STALE)
        return
    problems = refusal.problems if isinstance(refusal, Invalid) else [refusal.problem]
    for problem in problems:
        name = (problem.attr or "").rpartition(".")[2]
        form.add_error(name if name in form.fields else None, problem.detail)
