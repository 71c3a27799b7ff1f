"""`docs/actions.md`, written from the classes of the action types."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from workflows.actions.base import ActionType, Category
from workflows.configs.schema import schema_of

INTRODUCTION = """\
# Actions

What every type of action is configured with, does and reports. Written by `manage.py document_actions` from the
classes in `workflows/actions`; do not edit.

Fields of type *template* are Liquid, rendered for each contact when its step is reached; their limit holds for the
rendered text. They see `contact.*`, `contact.custom_fields.*`, `contact.owner.*`, `account.*`, `workflow.*`,
`execution.*`, `trigger.*` and `steps.<key>.*` (the results of earlier steps, named below). A value that cannot be
rendered, or does not fit, fails the step for that contact alone. Unknown fields are refused.

## When a step fails

`on_error` of the action says what follows: `stop` (the default: the execution fails and the workflow's owner is told)
or `continue` (the failure is logged and the contact goes on). Steps with an effect outside are tried again first, by
the class of the error:

| class | what happened | tried again |
|---|---|---|
| `timeout`, `network` | no connection, or nothing was sent; else only where the receiver honours keys | 3 times |
| `unavailable` | the server has troubles (5xx) | 3 times |
| `rate_limited` | too many calls (429) | until 24 hours are over |
| `authentication` | credentials were refused: the execution pauses until it is retried | never |
| `rejected`, `invalid_config` | no repetition would help | never |
| `outcome_unknown` | it may have been sent: the execution pauses until somebody settles it | never |

Repetitions come after 60 s · 2ⁿ⁻¹, at most an hour (throttled ones: 60 s · n), ± 10 %; a provider's `Retry-After` lets
them come later. Some types have times of their own. The action's `retry`, for example
`{"max_retries": 5, "base_seconds": 10, "max_seconds": 600, "strategy": "linear"}`, comes before both: 0–10 repetitions;
what it leaves out stays. Other steps keep such a rule without using it.
"""


def reference(kinds: Iterable[ActionType]) -> str:
    """Return the whole page for the types, which come by category."""
    parts = [INTRODUCTION]
    for category, members in groupby(kinds, key=lambda kind: kind.category):
        parts.append(f"\n## {Category(category).label}\n")
        parts.extend(section(kind) for kind in members)
    return "".join(parts)


def section(kind: ActionType) -> str:
    """Return what there is to know of one type."""
    schema = schema_of(kind.Config)
    lines = [f"\n### `{kind.slug}` – {kind.label}\n", kind.description(), ""]
    lines += ["| field | type | required | default | limits | meaning |", "|---|---|---|---|---|---|"]
    lines += [row(*field) for field in fields_of(schema)]
    lines += ["", "Example:", "", "```json", json.dumps(kind.example, indent=2, ensure_ascii=False), "```", ""]
    if kind.results:
        results = [f"`{name}`: {meaning}" for name, meaning in kind.results.items()]
        lines += ["Result:", "", *(f"- {result}" for result in results), ""]
    events = ", ".join(f"`{event}`" for event in kind.events)
    lines.append(f"Events: {events or 'none'}.\n")
    return "\n".join(lines)


def fields_of(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield (dotted name, schema, is required) of each field, the fields of objects and lists behind their own."""
    for name, field in schema["properties"].items():
        yield f"{prefix}{name}", field, name in schema.get("required", ())
        if "properties" in field:
            yield from fields_of(field, f"{prefix}{name}.")
        elif "properties" in field.get("items", {}):
            yield from fields_of(field["items"], f"{prefix}{name}[].")


def row(name: str, field: Mapping[str, Any], is_required: bool) -> str:
    default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
    cells = [
        f"`{name}`",
        type_of(field),
        "yes" if is_required else "",
        default,
        limits_of(field),
        field.get("description", ""),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def type_of(field: Mapping[str, Any]) -> str:  # noqa: PLR0911 - a table
    """Return the type in words."""
    match field:
        case {"x-rendered-max-bytes": _}:
            return "object or list of templates"
        case {"oneOf": _}:
            return "template, number, boolean, list of templates or null"
        case {"format": "liquid"}:
            return "template"
        case {"x-reference": kind}:
            return f"id of a {kind.replace('_', ' ')}"
        case {"enum": _}:
            return "choice"
        case {"type": "array", "items": items}:
            return f"list of {'objects' if 'properties' in items else type_of(items) + 's'}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object: name to {type_of(values)}"
    return {"string": "text", "integer": "whole number"}.get(field["type"], field["type"])


def limits_of(field: Mapping[str, Any]) -> str:
    """Return the limits in short."""
    limits = []
    if values := field.get("enum") or field.get("items", {}).get("enum"):
        limits.append(", ".join(f"`{value}`" for value in values))
    if "minimum" in field:
        limits.append(f"{field['minimum']}–{field['maximum']}")
    if length := field.get("maxLength") or field.get("x-rendered-max-length"):
        limits.append(f"≤ {length} characters")
    if size := field.get("x-rendered-max-bytes"):
        limits.append(f"≤ {size // 1024**2} MB")
    if "pattern" in field:
        limits.append(f"`{field['pattern'].removeprefix('^(?:').removesuffix(')$')}`")
    if "maxItems" in field and "enum" not in field["items"]:
        limits.append(f"{field.get('minItems', 0)}–{field['maxItems']} items")
    if "maxProperties" in field:
        limits.append(f"≤ {field['maxProperties']} names")
    return "; ".join(limits)
