"""Finds the passages of libraries for a question: which libraries, which words, how many, and under which numbers."""

import logging
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from lechat_tui.attachments.files import File
from lechat_tui.attachments.passages import Passages, Source, encoded, sources_of
from lechat_tui.engine.base import EngineError
from lechat_tui.library import names
from lechat_tui.library.background import Synchronizer
from lechat_tui.library.errors import LibraryError
from lechat_tui.library.facts import plain, tokens
from lechat_tui.library.function_words import FUNCTION_WORDS
from lechat_tui.library.passages import Passage, Searchable
from lechat_tui.library.store import Library
from lechat_tui.library.vectors import embedders_of
from lechat_tui.message import Message
from lechat_tui.models.available import Models
from lechat_tui.talk.counting import counted, wants_all
from lechat_tui.values import dataclass

_log = logging.getLogger(__name__)

MAX_PASSAGES = 8
"""Passages that go with a question."""

WINDOW_SHARE = 0.4
"""Share of the context window for passages."""

CHARACTERS_PER_TOKEN = 3.0
"""At least, in most languages."""

SHORT_QUESTION_WORDS = 4
"""Content words of a question that stands without the chat before it."""

MENTION = re.compile(r"(?<!\S)@library:(\w(?:[\w.-]*\w)?) ?")


@dataclass(frozen=True)
class Found:
    """What libraries have for a question."""

    passages: Passages
    note: str
    """What the user must know: that nothing was found, or that all matches were counted; else empty."""

    @property
    def file(self) -> File:
        """The passages as an attachment."""
        count = len(self.passages.sources)
        title = f"{count} passage{'s' * (count != 1)} from {self.passages.library}"
        return File(title, encoded(self.passages), "passages")


def mentioned(text: str) -> tuple[str, tuple[str, ...]]:
    """A question without its `@library:NAME`, and the names."""
    found = tuple(dict.fromkeys(MENTION.findall(text)))
    return (MENTION.sub("", text).strip() if found else text), found


def find(
    question: str,
    libraries: Sequence[str],
    messages: Sequence[Message],
    window: int,
    *,
    models: Models | None = None,
    private: bool = False,
) -> Found:
    """The passages for a question in a chat; call it where no event loop runs, as in a thread.

    `window` is the context window in tokens; `models` may have the one that made vectors for a library. The question of
    a `private` chat is not sent to another machine. Raises `LechatError`.
    """
    name = ", ".join(libraries)
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(_opened(library, private=private))) for library in libraries]
        here = [library for library in opened if isinstance(library, Library)]
        if wants_all(question) and len(here) == len(opened) and (count := counted(content(question), here)):
            sources = numbered(fitting(count.firsts[:MAX_PASSAGES], window), messages, name)
            return Found(Passages(name, sources, count.summary(name)), f"all matches were counted: {count.text(name)}")
        searched = completed(question, messages)
        passages = _alternating([_search(library, searched, models) for library in opened])
    sources = numbered(fitting(passages[:MAX_PASSAGES], window), messages, name)
    if not sources:
        return Found(Passages(name), f"nothing in {name} matches this question")
    return Found(Passages(name, sources), "")


def _opened(name: str, *, private: bool) -> Searchable:
    index = names.index_of(name)
    if private and index and not index.server.is_here:
        raise LibraryError(f"this chat is private, and {name} is on {index.server.label}; ask in another chat")
    return names.searchable(name)


def _search(library: Searchable, question: str, models: Models | None) -> list[Passage]:
    """The best passages of a library: by words, and by meaning if it has vectors of a model on this machine."""
    if models is None or not isinstance(library, Library) or not embedders_of(library):
        return library.search(question, MAX_PASSAGES)
    from lechat_tui.library.embedding import search
    from lechat_tui.talk.embedders import of_library

    try:
        return search(library, question, of_library(library, models), MAX_PASSAGES)
    except EngineError as error:
        _log.warning("only the words of a question were searched: %s", error)
        return library.search(question, MAX_PASSAGES)


def embed(libraries: Iterable[str], models: Models, synchronizer: Synchronizer) -> None:
    """Make vectors for these libraries in the background, if there is an embedding model. Raises `LibraryError`."""
    from lechat_tui.talk.embedders import for_library

    for name in libraries:
        if names.index_of(name) is None:
            with names.find(name) as library:
                embedder = for_library(library, models)
            if embedder:
                synchronizer.embed(name, embedder)


def _alternating(lists: Sequence[Sequence[Passage]]) -> list[Passage]:
    """The best of each list, then the second of each."""
    longest = max(map(len, lists), default=0)
    return [found[rank] for rank in range(longest) for found in lists if rank < len(found)]


def fitting(passages: Sequence[Passage], window: int) -> list[Passage]:
    """As many of the passages as fit into their share of the context window, the first one cut if need be."""
    room = int(window * WINDOW_SHARE * CHARACTERS_PER_TOKEN)
    kept: list[Passage] = []
    for passage in passages:
        if len(passage.body) > room and kept:
            break
        body = passage.body if len(passage.body) <= room else passage.body[:room].rsplit(maxsplit=1)[0]
        kept.append(replace(passage, body=body, end=passage.start + len(body)))
        room -= len(body)
    return kept


def numbered(passages: Iterable[Passage], messages: Sequence[Message], libraries: str) -> tuple[Source, ...]:
    """The passages of these libraries under numbers of the chat; one that was found before keeps its number."""
    known = sources_of(messages)
    numbers = {source.place: n for n, source in known.items()}
    sources = []
    for passage in passages:
        where = passage.document, passage.path, passage.page, passage.start, passage.end
        source = Source(0, *where, passage.heading, passage.body, libraries)
        n = numbers.setdefault(source.place, max([*known, *numbers.values()], default=0) + 1)
        if n in known and known[n].body != source.body:  # the document has changed
            n = numbers[source.place] = max([*known, *numbers.values()]) + 1
        sources.append(replace(source, n=n))
    return tuple(sources)


# Follow-up questions

_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|his|her|there|one|ones|former|latter"
    r"|es|sie|er|ihn|ihm|ihr|ihre|deren|dessen|dies|diese|dieser|dieses|das|davon|dazu|dort|dabei|daran|darin"
    r"|il|elle|ils|elles|ce|cela|ça|leur|leurs|y|eso|esto|ellos|ellas|su|sus|allí)\b"
    r"|(?:هو|هي|هم|هذا|هذه|ذلك|تلك|هناك)|[它他她]|这|那|其",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^\s*(?:and|but|also|what about|how about|why|und|aber|auch|wie ist es|was ist mit|warum|wieso|et|mais|pourquoi"
    r"|y|pero|por qué|و|لماذا|那|那么|为什么|还有)\b",
    re.IGNORECASE,
)


def completed(question: str, messages: Sequence[Message]) -> str:
    """A question as it is searched: one that points at the chat before it gets the words of the last exchange."""
    words = content(question)
    asked = [message for message in messages if message.role == "user"]
    if not asked or not (len(words) < SHORT_QUESTION_WORDS or _POINTING.search(question) or _CONTINUES.match(question)):
        return question
    last = asked[-1]
    answer = next((m.text for m in reversed(messages) if m.role == "assistant"), "")
    before = [*content(mentioned(last.text)[0])[:12], *_names(answer)[:8]]
    return " ".join([question, *(word for word in dict.fromkeys(before) if word not in words)])


def content(text: str) -> list[str]:
    """The words of a text that say what it is about, folded."""
    found = tokens(plain(text))
    runs = "".join(token.text if token.character else " " for token in found).split()
    words = [t.text for t in found if not t.character and t.text not in FUNCTION_WORDS and len(t.text) > 1]
    return [*words, *runs]


def _names(text: str) -> list[str]:
    """The names and numbers of an answer: what a following question is likely to be about."""
    return [t.text for t in tokens(plain(text)) if (t.capital or t.number) and t.text not in FUNCTION_WORDS]
