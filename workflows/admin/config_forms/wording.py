"""Names of fields and choices as people read them."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

ACRONYMS = frozenset(
    ["amd", "api", "bcc", "cc", "css", "dnd", "html", "http", "id", "ivr", "json", "sms", "url", "utc", "utm"]
)
CODE = re.compile(r"`([^`]+)`")


def label_of(name: str) -> str:
    """Return `body_html` as “Body HTML” and `template_id` as “Template”."""
    words = name.removesuffix("_id").removesuffix("_ids").split("_")
    return sentence(words)


def choice_label(value: str) -> str:
    """Return `api_key` as “API key”; names in capitals stay."""
    return value if value.isupper() else sentence(value.split("_"))


def sentence(words: list[str]) -> str:
    text = " ".join(word.upper() if word in ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:]


def with_code(text: str) -> SafeString:
    """Return a text as HTML, what stands in backticks as code."""
    return mark_safe(CODE.sub(r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped before
