"""The page of a workflow: its board, with everything around it."""

from django.http import HttpResponse

from workflows.admin.editor.answers import show_board
from workflows.admin.editor.opening import Editing, editor_view


@editor_view("GET")
def editor_page(editing: Editing) -> HttpResponse:
    """Show the workflow."""
    return show_board(editing)
