"""Questions that count or list: they are answered from all passages with their words, not from the best ones."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import islice

from lechat_tui.library.passages import Passage
from lechat_tui.library.store import Library
from lechat_tui.values import dataclass

MAX_NAMED_DOCUMENTS = 40
"""Documents that are named with a count."""

_ALL = re.compile(
    r"\bhow (?:many|often)\b|\bnumber of\b|\bcount\b|\blist (?:all|every|the|each)\b|\b(?:all|every|each) (?:the )?\w+"
    r" (?:that|which|who|with|where|in|about|from|of)\b|^\W*which \w+s\b|\bwie ?viele?\b|\bwie oft\b|\banzahl\b"
    r"|\bzähle?\b|\bliste\b|\balle \w+,? (?:die|der|das|mit|in|über|von)\b|^\W*welche \w+(?:e|en|er|s|n)\b|\bcombien\b"
    r"|\btou(?:s|tes) les\b|^\W*quel(?:le)?s\b|\bcuánt[oa]s\b|\btod[oa]s l[oa]s\b|\bquant[ie]\b|\btutt[ie] [lg]"
    r"|كم عدد|كم مرة|عدد|جميع|كل ال|有多少|多少[个份篇]|几[个份篇]|列出|所有|哪些",
    re.IGNORECASE,
)
_NOT_SEARCHED = """many often number count list all every each which passages documents files give show tell name there
are have mention mentions mentioned contain contains wie viele viel wieviel oft anzahl liste zahle alle welche nenne
zeige erwahnen erwahnt enthalten combien tous toutes quels quelles cuantos cuantas todos todas quanti quante tutti tutte
多少 有多 少个 列出 所有 哪些 文件 文档 كم عدد جميع"""
"""Words of such a question that are not what is counted, folded."""


@dataclass(frozen=True)
class Count:
    """All passages with some words."""

    words: str
    passages: int
    documents: dict[str, int] = field(default_factory=dict)
    """How many passages each document has, by its path."""
    firsts: tuple[Passage, ...] = ()
    """The first passage of each."""

    def text(self, library: str) -> str:
        """The count in words."""
        passages = f"{self.passages:,} passage{'s' * (self.passages != 1)}"
        documents = f"{len(self.documents):,} document{'s' * (len(self.documents) != 1)}"
        return f"{passages} of {documents} in {library} have the words “{self.words}”"

    def summary(self, library: str) -> str:
        """The count for the model, with the documents."""
        counts = [
            f"- {first.document}: {count}"
            for first, count in islice(zip(self.firsts, self.documents.values(), strict=True), MAX_NAMED_DOCUMENTS)
        ]
        if (more := len(self.documents) - MAX_NAMED_DOCUMENTS) > 0:
            counts.append(f"- and {more:,} more documents")
        return "\n".join(
            [
                f"The whole library was searched: {self.text(library)}. Passages by document:",
                *counts,
                "Use these counts to say how many or which; the passages above are only the first of each document.",
            ]
        )


def wants_all(question: str) -> bool:
    """Whether a question counts or lists."""
    return bool(_ALL.search(question))


def counted(words: Sequence[str], libraries: Sequence[Library]) -> Count | None:
    """All passages with the words of a question, or with as many of them as any passage has; None for none."""
    for searched in _fewer([word for word in words if word not in _NOT_SEARCHED.split()]):
        documents: dict[str, int] = {}
        firsts: list[Passage] = []
        for library in libraries:
            for passage in library.matches(" ".join(searched)):
                key = passage.path or passage.document
                if key not in documents:
                    firsts.append(passage)
                documents[key] = documents.get(key, 0) + 1
        if documents:
            return Count(" ".join(searched), sum(documents.values()), documents, tuple(firsts))
    return None


def _fewer(words: Sequence[str]) -> Iterable[Sequence[str]]:
    """The words, then without the shortest of them, and so on."""
    kept = list(words)
    while kept:
        yield kept
        kept.remove(min(kept, key=len))
