"""What can be wrong with a template: when it is saved, and when it is rendered."""


class TemplateProblem(Exception):
    """The template cannot be accepted; `line` counts from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class RenderProblem(Exception):
    """The template could not be rendered for this contact: a limit was hit or a filter was given nonsense."""
