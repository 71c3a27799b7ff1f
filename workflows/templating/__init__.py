"""Liquid templates: checked when they are saved, rendered for a contact within limits. Imports nothing of ours."""

from workflows.templating.compiled import (
    SOURCE_LIMIT,
    TEMPLATE_ROOTS,
    CompiledTemplate,
    compile_template,
    validate_template,
)
from workflows.templating.context import OUTPUT_LIMIT, Work
from workflows.templating.problems import RenderProblem, TemplateProblem
from workflows.templating.structures import DEPTH_LIMIT, render_structure, templates_in

__all__ = [
    "DEPTH_LIMIT",
    "OUTPUT_LIMIT",
    "SOURCE_LIMIT",
    "TEMPLATE_ROOTS",
    "CompiledTemplate",
    "RenderProblem",
    "TemplateProblem",
    "Work",
    "compile_template",
    "render_structure",
    "templates_in",
    "validate_template",
]
