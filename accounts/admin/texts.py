"""Filters of templates for the texts of pages."""

import re
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

CODE = re.compile(r"`([^`]+)`")

register = template.Library()


@register.filter
def with_code(text: Any) -> SafeString:
    """Return a text as HTML, what stands in backticks as code; what is HTML already stays."""
    return mark_safe(CODE.sub(r"<code>\1</code>", conditional_escape(text)))  # noqa: S308 - escaped before
