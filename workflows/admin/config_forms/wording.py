"""Names of fields and choices as people read them."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

WORDS = {
    **{word: word.upper() for word in ("amd", "api", "html", "http", "id", "ivr", "json", "sms", "url", "utc", "utm")},
    "email": "e-mail",
    "timezone": "time zone",
}
MEASURES = frozenset({"days", "hours", "mb", "minutes", "ms", "seconds"})
CODE = re.compile(r"`([^`]+)`")


def label_of(name: str) -> str:
    """Return `body_html` as “Body HTML”, `team_ids` as “Teams” and `timeout_seconds` as “Timeout (seconds)”."""
    if name.endswith("_ids"):
        name = f"{name.removesuffix('_ids')}s"
    *words, last = name.removesuffix("_id").split("_")
    if words and last in MEASURES:
        return f"{sentence(words)} ({'MB' if last == 'mb' else last})"
    return sentence([*words, last])


def choice_label(value: str) -> str:
    """Return `api_key` as “API key”; names in capitals stay."""
    return value if value.isupper() else sentence(value.split("_"))


def sentence(words: list[str]) -> str:
    text = " ".join(WORDS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


def with_code(text: str) -> SafeString:
    """Return a text as HTML, what stands in backticks as code."""
    return mark_safe(CODE.sub(r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped before
