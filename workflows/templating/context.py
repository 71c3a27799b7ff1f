"""The state of one rendering: what the template sees, and what work it may still do."""

from collections.abc import Mapping
from typing import Any

from liquid import BoundTemplate, RenderContext, Token
from liquid.context import UNDEFINED
from liquid.exceptions import ResourceLimitError
from liquid.utils import ReadOnlyChainMap

KILOBYTE = 1024
OUTPUT_LIMIT = 1024 * KILOBYTE
"""Bytes that a rendering may produce."""
TEXT_LIMIT = 128 * KILOBYTE
"""Characters of a text that a filter makes or that a template keeps in a variable."""
ITEMS_LIMIT = 10_000
"""Items of a list or range that a loop or filter may work on."""
WORK_LIMIT = 50_000
"""Units of work in one rendering, or in several that share a `Work`.

A unit is about a microsecond: a filter, a kilobyte that is read, two characters of a loop's body each time. Work is
counted instead of timed, so that a template fails everywhere or nowhere, however busy the machine is.
"""


class Work:
    """What was done so far in renderings that share one limit."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = 0

    def spend(self, units: int) -> None:
        """Count work, and stop the rendering when there was too much of it."""
        self.done += units
        if self.done > WORK_LIMIT:
            raise ResourceLimitError("the template does too much work", token=None)


class BoundedContext(RenderContext):
    """A render context that sees the given mapping alone and counts the work."""

    __slots__ = ("spend",)

    def __init__(self, template: BoundTemplate, *, work: Work | None = None, **options: Any) -> None:
        super().__init__(template, **options)
        self.spend = (work or Work()).spend
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        value: object = super().get(path, token=token, default=default)
        if isinstance(value, str):
            if len(value) > KILOBYTE:
                self.spend(len(value) // KILOBYTE)
        elif isinstance(value, (list, tuple)):
            self.spend(len(value) >> 2)
        return value

    def get_item(self, obj: Any, key: Any) -> Any:
        if isinstance(obj, dict) and key in obj:
            return obj[key]
        if not isinstance(obj, (Mapping, list, tuple, str, range)):
            raise KeyError(key)
        return super().get_item(obj, key)

    def assign(self, key: str, val: Any) -> None:
        self.spend(1 + len(self.locals) // 16)
        super().assign(key, val)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Loops count their iterations one by one, see `LoopBody`."""
