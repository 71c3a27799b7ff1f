"""Liquid as templates may use it: no files, no partials, bounded loops and filters."""

from io import StringIO
from typing import TextIO

from liquid import BoundTemplate, Environment, RenderContext, Token
from liquid.ast import BlockNode
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.output import LimitedStringIO

from workflows.templating.context import OUTPUT_LIMIT, TEXT_LIMIT, BoundedContext
from workflows.templating.filters import install, weigh
from workflows.templating.stringify import stringify

REFUSED_TAGS = ("include", "render", "tablerow", "doc", "cycle")
UNITS_PER_ITERATION = 4
CHARACTERS_PER_UNIT = 2


class ValueNode(OutputNode):
    """`{{ … }}` and `{% echo … %}`, which never show a Python object as such."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(stringify(self.expression.evaluate(context), autoescape=context.autoescape))


class ValueTag(Output):
    node_class = ValueNode


class ValueEcho(EchoTag):
    node_class = ValueNode  # type: ignore[assignment]


class LoopBody(BlockNode):
    """What a loop repeats; each time costs work by its size."""

    __slots__ = ("weight",)

    def __init__(self, block: BlockNode) -> None:
        super().__init__(block.token, block.nodes)
        self.weight = UNITS_PER_ITERATION + len(str(block)) // CHARACTERS_PER_UNIT

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, BoundedContext)
        context.spend(self.weight)
        return super().render_to_output(context, buffer)


class LoopNode(ForNode):
    """`{% for %}`, which looks at the number of items before it copies them."""

    def __init__(
        self, token: Token, expression: LoopExpression, block: BlockNode, default: BlockNode | None = None
    ) -> None:
        super().__init__(token, expression, LoopBody(block), default)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        weigh(self.expression.iterable.evaluate(context))
        return super().render_to_output(context, buffer)


class LoopTag(ForTag):
    node_class = LoopNode


class SafeContext(BoundedContext):
    """A bounded context whose captures are as long as texts may be."""

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        return LimitedStringIO(limit=TEXT_LIMIT)


class SafeTemplate(BoundTemplate):
    context_class: type[SafeContext] = SafeContext


class SafeEnvironment(Environment):
    """The environment of all templates."""

    block_nesting_limit = 20
    local_namespace_limit = OUTPUT_LIMIT
    output_stream_limit = OUTPUT_LIMIT
    template_class = SafeTemplate

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in REFUSED_TAGS:
            del self.tags[name]
        for tag in (ValueTag, ValueEcho, LoopTag):
            self.add_tag(tag)
        install(self)


PLAIN = SafeEnvironment()
HTML = SafeEnvironment(autoescape=True)
