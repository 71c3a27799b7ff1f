"""Names of fields and choices as people read them."""

WORDS = {
    **{word: word.upper() for word in ("amd", "api", "html", "http", "id", "ivr", "json", "sms", "url", "utc", "utm")},
    "email": "e-mail",
    "timezone": "time zone",
}
MEASURES = frozenset({"days", "hours", "mb", "minutes", "ms", "seconds"})


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
