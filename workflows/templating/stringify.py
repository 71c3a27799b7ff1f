"""How values look in a text."""

import json
from collections.abc import Mapping
from typing import Any

from liquid.undefined import Undefined
from markupsafe import escape


def stringify(value: Any, *, autoescape: bool) -> str:
    """Return a value as text: nothing for nil, `true`/`false`, lists item by item, mappings as JSON."""
    if isinstance(value, str):
        text: str = value
    elif value is None or isinstance(value, Undefined):
        return ""
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, Mapping):
        text = json.dumps(value, ensure_ascii=False, default=plain)
    elif isinstance(value, (list, tuple)):
        text = "".join(stringify(item, autoescape=False) for item in value)
    elif isinstance(value, range):
        text = f"{value.start}..{value.stop - 1}"
    else:
        text = str(value)
    return escape(text) if autoescape else text


def plain(value: Any) -> Any:
    """Tell JSON how to show what it does not know."""
    return dict(value) if isinstance(value, Mapping) else str(value)
