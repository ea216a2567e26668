"""Runs the chat template of a model file, which anybody may have written, in a sandbox with limits.

A template gets the functions that transformers gives it: `raise_exception`, `strftime_now`, `tojson`, loop controls and
`{% generation %}` (https://huggingface.co/docs/transformers/chat_templating_writing).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.limits import TooLong, limited

_MAX_STEPS = 300_000
"""Loop iterations and calls for one text, and in addition: a real template needs a few for each message, some look at
every pair of messages or at every character."""
_STEPS_PER_CHARACTER = 4
_STEPS_PER_PAIR = 8

_MAX_EXTRA_CHARACTERS = 1_000_000
"""Characters of the text, or of any value on the way to it, beyond twice those of the messages."""

_MAX_SECONDS = 10.0
"""Processor time for one text: a template that looks at every pair of a thousand messages takes two to four."""

_MAX_EXTRA_BYTES = 1 << 30
"""Memory for one text, beside what the process has already."""

_TEMPLATE_ERRORS = (
    TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TooLong,
    TypeError,
    ValueError,
)
"""What a template can raise when it is compiled or run."""


class TemplateTooLong(EngineError):
    """The template takes too much time or memory for this conversation; a shorter one may be possible."""


class Sandbox(ImmutableSandboxedEnvironment):
    """One template, which can neither reach anything outside nor run forever."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, source: str) -> None:
        """Compile the template. Raises `EngineError`."""
        # not optimized: Jinja would evaluate constants while compiling, where no step is counted
        self._source = source
        super().__init__(trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[_Generation, loopcontrols])
        self._steps = 0
        self._max_characters = _MAX_EXTRA_CHARACTERS
        del self.globals["lipsum"]
        self.globals |= {"raise_exception": _raise, "strftime_now": _now}
        own = {"tojson": _to_json, "counted": self._counted, "bounded": lambda value: value}
        self.filters = {name: self._limited(filter) for name, filter in (self.filters | own).items()}
        try:
            with limited(_MAX_SECONDS, _MAX_EXTRA_BYTES):
                tree = self.parse(source)
                for loop in tree.find_all(nodes.For):
                    loop.iter = _filtered(loop.iter, "counted")
                for joined in tree.find_all(nodes.Concat):
                    joined.nodes = [_filtered(node, "bounded") for node in joined.nodes]
                self._template = Template.from_code(self, self.compile(tree), self.make_globals(None))
        except _TEMPLATE_ERRORS as error:
            raise EngineError(f"the model's chat template is broken: {_reason(error)}") from error

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names that the template reads and does not always set itself."""
        with limited(_MAX_SECONDS, _MAX_EXTRA_BYTES):
            return frozenset(meta.find_undeclared_variables(self.parse(self._source)))

    def render(self, messages: Sequence[Mapping[str, Any]], **values: object) -> str:
        """The text that the template renders. Raises `EngineError`, `TemplateTooLong` where it is stopped."""
        size = sum(map(_text_size, messages))
        self._steps = _MAX_STEPS + _STEPS_PER_CHARACTER * size + _STEPS_PER_PAIR * len(messages) ** 2
        self._max_characters = _MAX_EXTRA_CHARACTERS + 2 * size
        pieces = []
        size = 0
        try:
            with limited(_MAX_SECONDS, _MAX_EXTRA_BYTES):
                for piece in self._template.generate(messages=messages, **values):
                    pieces.append(piece)
                    size += len(piece)
                    self._check_size(size)
        except _TEMPLATE_ERRORS as error:
            kind = TemplateTooLong if isinstance(error, TooLong | MemoryError | _TooManySteps) else EngineError
            raise kind(f"the model's chat template rejects the conversation: {_reason(error)}") from error
        return "".join(pieces)

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Every call of the template comes through here."""
        self._step(1)
        self._check_size(*args, *kwargs.values())
        return super().call(context, called, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Every operation of `intercepted_binops` comes through here."""
        self._check_size(left, right)
        if operator == "**":
            raise TemplateError("it uses the power operator")
        if operator == "*":
            self._check_size(_size(left) * _size(right))
        return super().call_binop(context, operator, left, right)

    def _limited(self, called: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, rejecting arguments that are too large."""

        @wraps(called)
        def limited(*args: Any, **kwargs: Any) -> Any:
            self._check_size(*args, *kwargs.values())
            return called(*args, **kwargs)

        return limited

    def _check_size(self, *values: Any) -> None:
        if any(_size(value) > self._max_characters for value in values):
            raise TemplateError("it makes a value that is too large")

    def _counted(self, items: Iterable[Any]) -> Iterable[Any]:
        if not isinstance(items, Sized):
            return self._each(items)
        self._step(len(items))
        return items

    def _each(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._step(1)
            yield item

    def _step(self, count: int) -> None:
        self._steps -= count
        if self._steps < 0:
            raise _TooManySteps("it runs too long")


class _TooManySteps(TemplateError):
    """More than `Sandbox.render` allows."""


class _Generation(Extension):
    """`{% generation %}` marks the assistant's text for training; here it has no effect."""

    tags = {"generation"}  # noqa: RUF012, as Jinja has it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _size(value: Any) -> int:
    match value:
        case int():
            return abs(value)
        case str() | list() | tuple() | dict():
            return len(value)
    return 1


def _text_size(value: Any) -> int:
    """The characters of all the text in a value."""
    match value:
        case str():
            return len(value)
        case list():
            return sum(map(_text_size, value))
        case dict():
            return sum(map(_text_size, value.values()))
    return 0


def _filtered(node: nodes.Node, name: str) -> nodes.Expr:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def _to_json(value: Any, *, ensure_ascii: bool = False, **how: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **how)


def _reason(error: BaseException) -> str:
    if isinstance(error, TooLong):
        return "it does not come to an end"
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    return str(error).strip().partition("\n")[0] or type(error).__name__
