"""Compiled templates and the cache that keeps them."""

import difflib
import itertools
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from threading import Lock
from typing import Any

from liquid import BoundTemplate
from liquid.exceptions import LiquidError, LiquidInterrupt
from liquid.output import LimitedStringIO

from workflows.templating.context import OUTPUT_LIMIT, Work
from workflows.templating.environment import HTML, PLAIN, SafeContext
from workflows.templating.problems import RenderProblem, TemplateProblem

SOURCE_LIMIT = 64 * 1024
"""Bytes of a template."""
EXPRESSION_LIMIT = 8 * 1024
"""Characters between one pair of braces."""
TEMPLATE_ROOTS = ("contact", "account", "workflow", "execution", "trigger", "steps")
"""The variables that every template sees."""
CACHE_LIMIT = 2 * 1024 * 1024
"""Characters of source kept compiled."""

NAME_LENGTH = 60

OPENING = re.compile(r"\{\{|\{%")
RAW = re.compile(r"\{%-?\s*raw\s*-?%\}")
ENDRAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")

Path = tuple[str, ...]


class CompiledTemplate:
    """A template ready to be rendered any number of times."""

    __slots__ = ("_found_variables", "is_plain", "parsed", "source")

    def __init__(self, source: str, liquid: BoundTemplate | None) -> None:
        self.source = source
        self.is_plain = liquid is None
        """Whether the text is its own rendering."""
        self.parsed = liquid
        self._found_variables: frozenset[Path] | None = None

    @property
    def variables(self) -> frozenset[Path]:
        """Paths of the variables that the template takes from outside, e.g. `("steps", "send_email", "message_id")`.

        A path ends where it stops being fixed: of `steps[name].to` only `("steps",)` is known.
        """
        if self._found_variables is None:
            self._found_variables = frozenset() if self.parsed is None else outside_variables(self.parsed)
        return self._found_variables

    def render(self, context: Mapping[str, Any], *, limit: int = OUTPUT_LIMIT, work: Work | None = None) -> str:
        """Return the text for a context of plain values and mappings; at most `limit` bytes of UTF-8.

        Renderings that are given the same `work` share the limit of what a rendering may do.
        """
        if self.parsed is None:
            if len(self.source) * 4 > limit and len(self.source.encode()) > limit:
                raise RenderProblem(f"The text is longer than {limit} bytes.")
            return self.source
        template = self.parsed
        buffer = LimitedStringIO(limit=min(limit, OUTPUT_LIMIT))
        state = SafeContext(template, work=work, globals=context)
        try:
            for node in template.nodes:
                node.render(state, buffer)
        except LiquidInterrupt:
            pass
        except LiquidError as problem:
            raise RenderProblem(f"The template could not be rendered: {problem.message}.") from problem
        except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError, AttributeError) as problem:
            raise RenderProblem(f"The template could not be rendered: {problem}.") from problem
        text = buffer.getvalue()
        if "\x00" in text:
            raise RenderProblem("The rendered text contains a NUL character.")
        return text


def compile_template(source: str, *, html: bool = False) -> CompiledTemplate:
    """Return the compiled template, from the cache if it was used lately; raise TemplateProblem for bad syntax.

    With `html`, values are escaped and the template's own text is not.
    """
    if "{{" not in source and "{%" not in source:
        return CompiledTemplate(source, None)
    return _cache.get(source, html)


def validate_template(
    source: str, *, roots: Collection[str] = TEMPLATE_ROOTS, limit: int = SOURCE_LIMIT
) -> CompiledTemplate:
    """Check a template as people save it: size in bytes, syntax, tags, filters, and the variables it asks for."""
    if len(source.encode("utf-8", "replace")) > limit:
        raise TemplateProblem(f"A template has at most {limit // 1024} KB.")
    template = compile_template(source)
    if template.parsed is not None:
        check_names(template, roots)
    return template


class TemplateCache:
    """The compiled templates used last, bounded by the length of their sources."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._templates: OrderedDict[tuple[str, bool], CompiledTemplate] = OrderedDict()
        self._lock = Lock()

    def get(self, source: str, html: bool) -> CompiledTemplate:
        key = (source, html)
        with self._lock:
            template = self._templates.get(key)
            if template is not None:
                self._templates.move_to_end(key)
                return template
        template = CompiledTemplate(source, parse(source, html=html))
        with self._lock:
            if key not in self._templates:
                self._templates[key] = template
                self._size += len(source)
            while self._size > self._limit and len(self._templates) > 1:
                (dropped, _), _ = self._templates.popitem(last=False)
                self._size -= len(dropped)
        return template


_cache = TemplateCache(CACHE_LIMIT)


def parse(source: str, *, html: bool) -> BoundTemplate:
    check_braces(source)
    try:
        return (HTML if html else PLAIN).from_string(source)
    except LiquidError as problem:
        cause = problem.__cause__
        message = "it is nested too deeply" if isinstance(cause, RecursionError) else str(problem.message)
        raise TemplateProblem(f"Template: {message}.", line_of_error(problem)) from problem


def check_braces(source: str) -> None:
    """Refuse what is opened and not closed: Liquid's lexer would try each of n openings to the end of the text."""
    position = 0
    while opening := OPENING.search(source, position):
        start = opening.start()
        if RAW.match(source, start):
            closing = ENDRAW.search(source, start)
            if closing is None:
                raise TemplateProblem("Template: `{% raw %}` has no `{% endraw %}`.", line_at(source, start))
            position = closing.end()
            continue
        end = source.find("}}" if opening.group() == "{{" else "%}", start + 2)
        if end < 0:
            raise TemplateProblem(f"Template: `{opening.group()}` is not closed.", line_at(source, start))
        if end - start > EXPRESSION_LIMIT:
            raise TemplateProblem(
                f"Template: more than {EXPRESSION_LIMIT} characters in braces.", line_at(source, start)
            )
        if not source[start + 2 : end].strip("- \t\r\n"):
            raise TemplateProblem("Template: there is nothing between the braces.", line_at(source, start))
        position = end + 2


def check_names(template: CompiledTemplate, roots: Collection[str]) -> None:
    """Refuse variables and filters that do not exist, naming the nearest that do."""
    assert template.parsed is not None
    analysis = template.parsed.analyze(include_partials=False)
    for name, variables in analysis.globals.items():
        if name not in roots and name not in analysis.locals:
            raise TemplateProblem(
                f"Template: unknown variable {named(name, roots)}; known are {', '.join(sorted(roots))}.",
                line_at(template.source, variables[0].span.index),
            )
    filters = template.parsed.env.filters
    for name, spans in analysis.filters.items():
        if name not in filters:
            raise TemplateProblem(
                f"Template: unknown filter {named(name, filters)}.", line_at(template.source, spans[0].index)
            )


def named(name: str, known: Collection[str]) -> str:
    name = name[:NAME_LENGTH]
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"`{name}`" + (f"; did you mean `{nearest[0]}`?" if nearest else "")


def outside_variables(liquid: BoundTemplate) -> frozenset[Path]:
    found = set()
    for variables in liquid.analyze(include_partials=False).globals.values():
        for variable in variables:
            fixed = itertools.takewhile(lambda segment: isinstance(segment, (str, int)), variable.segments)
            found.add(tuple(map(str, fixed)))
    return frozenset(found - {()})


def line_at(source: str, index: int) -> int:
    return source.count("\n", 0, max(index, 0)) + 1


def line_of_error(problem: LiquidError) -> int:
    token = problem.token
    return line_at(token.source, token.start_index) if token is not None and token.start_index >= 0 else 1
