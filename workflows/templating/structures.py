"""Templates inside objects and lists, as JSON bodies and headers have them."""

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.templating.compiled import compile_template
from workflows.templating.context import OUTPUT_LIMIT, Work
from workflows.templating.problems import RenderProblem

DEPTH_LIMIT = 32


def render_structure(value: Any, context: Mapping[str, Any], *, limit: int = OUTPUT_LIMIT) -> Any:
    """Return a copy with every text rendered; keys and other values stay. The texts share the limits."""
    return Structure(context, limit).render(value, depth=0)


def templates_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted path, source) of every text inside."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from templates_in(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from templates_in(item, f"{path}.{index}" if path else str(index))


class Structure:
    """One rendering of a structure."""

    def __init__(self, context: Mapping[str, Any], limit: int) -> None:
        self.context = context
        self.left = limit
        self.work = Work()

    def render(self, value: Any, *, depth: int) -> Any:
        if depth > DEPTH_LIMIT:
            raise RenderProblem(f"the value is nested deeper than {DEPTH_LIMIT} levels")
        if isinstance(value, str):
            text = compile_template(value).render(self.context, limit=self.left, work=self.work)
            self.left -= len(text.encode())
            return text
        if isinstance(value, Mapping):
            return {name: self.render(item, depth=depth + 1) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.render(item, depth=depth + 1) for item in value]
        return value
