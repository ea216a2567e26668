"""Finds where a sentence of an answer is one of the passage but for a number, a name or a negation."""

from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher

from lechat_tui.library.facts import Token
from lechat_tui.library.function_words import NEGATIONS
from lechat_tui.library.words import Index, Statement, is_content, is_soft, pairs, shortened
from lechat_tui.values import dataclass

MIN_CONTEXT = 4.0
"""Equal words around a place that differs, from which on something was swapped there; a character counts half."""

FIRM_CONTEXT = 6.0
"""The same for a fact that the sentence of the passage has too, elsewhere: the two have swapped places."""

MAX_SWAPPED = 4.0
"""Words that differ at one place; more are another wording."""

LONG_CONTEXT, LONG_SWAPPED = 8.0, 7.0
"""The same where more of the sentence is equal."""


@dataclass(frozen=True)
class Gap:
    """A place where two sentences differ, and the number of equal words before and after it."""

    ours: tuple[Token, ...]
    theirs: tuple[Token, ...]
    before: float
    after: float

    @property
    def context(self) -> float:
        return self.before + self.after

    @property
    def enclosed(self) -> bool:
        """Whether there are equal words on both sides, or many on one and the end of both sentences on the other."""
        return (self.before >= 1 and self.after >= 1) or self.context >= LONG_CONTEXT


def difference(statement: Statement, sentence: Statement, passage: Index) -> str:
    """What a sentence has in another way than the one of the passage that it repeats; empty if nothing.

    `passage` has the words of the whole passage.
    """
    known, named = Index(sentence.tokens), Index(statement.tokens)
    for gap in _gaps(statement.tokens, sentence.tokens):
        if gap.context < MIN_CONTEXT:
            continue
        if (
            reason := _negation(gap)
            or _swap(gap, statement, sentence, known, named)
            or _new_end(gap, statement, passage)
        ):
            return reason
    return ""


def _new_end(gap: Gap, statement: Statement, passage: Index) -> str:
    """An end that the passage does not have, of a sentence in a script that does not tell names from other words."""
    new = [token for token in gap.ours if is_content(token)]
    if statement.cased or gap.after or gap.before < MIN_CONTEXT or not new or new[-1] is not statement.words[-1]:
        return ""
    if _weight(new) > LONG_SWAPPED or any(passage.has(token) and not token.character for token in new):
        return ""
    if any(passage.has_pair(pair) for pair in pairs(new)):
        return ""
    return f"{shortened(_text(new))} is not in the passage"


def longest_run(statement: Statement, sentence: Statement) -> float:
    """The number of words in the longest part that two sentences have in common."""
    ours, theirs = [t.text for t in statement.tokens], [t.text for t in sentence.tokens]
    match = SequenceMatcher(None, ours, theirs, autojunk=False).find_longest_match()
    return _weight(statement.tokens[match.a : match.a + match.size])


def _swap(gap: Gap, statement: Statement, sentence: Statement, known: Index, named: Index) -> str:
    ours, theirs = _facts(gap.ours, statement), _facts(gap.theirs, sentence)
    new, lost = [t for t in ours if not known.has(t)], [t for t in theirs if not named.has(t)]
    if not _is_swap(gap, new, lost, cased=statement.cased):
        mine, other = Index(gap.ours), Index(gap.theirs)
        new, lost = [t for t in ours if not other.has(t)], [t for t in theirs if not mine.has(t)]
        firm = gap.enclosed and gap.context >= FIRM_CONTEXT and _weight(gap.ours) <= MAX_SWAPPED
        if not (firm and _is_swap(gap, new, lost, cased=statement.cased)):
            return ""
    return f"the passage has {shortened(_text(lost))} in place of {shortened(_text(new))}"


def _is_swap(gap: Gap, new: Sequence[Token], lost: Sequence[Token], *, cased: bool) -> bool:
    if not new or not lost or min(_weight(gap.ours), _weight(gap.theirs)) > MAX_SWAPPED:
        return False
    alike = any(a.number == b.number and a.capital == b.capital for a in new for b in lost)
    if cased:
        return gap.enclosed or alike
    if any(a.number and b.number for a in new for b in lost):
        return True
    longest = LONG_SWAPPED if gap.context >= LONG_CONTEXT else MAX_SWAPPED
    return gap.enclosed and max(_weight(gap.ours), _weight(gap.theirs)) <= longest


def _negation(gap: Gap) -> str:
    ours, theirs = _negations(gap.ours), _negations(gap.theirs)
    if bool(ours) == bool(theirs) or len(gap.ours) > MAX_SWAPPED or len(gap.theirs) > MAX_SWAPPED:
        return ""
    if not gap.enclosed:
        return ""
    return f"only one of answer and passage has “{(ours or theirs)[0]}”"


def _negations(found: Sequence[Token]) -> list[str]:
    return [token.shown for token in found if token.text in NEGATIONS or token.shown.endswith("n't")]


def _facts(found: Sequence[Token], within: Statement) -> list[Token]:
    """The numbers and names among these; in a script without capital letters, all content words."""
    return [token for token in found if _is_fact(token, cased=within.cased)]


def _is_fact(token: Token, *, cased: bool) -> bool:
    if token.number:
        return not is_soft(token)
    return is_content(token) and (token.capital or not cased)


def _gaps(ours: Sequence[Token], theirs: Sequence[Token]) -> Iterator[Gap]:
    """The places where two sentences differ; a single equal word between two of them belongs to the difference."""
    matcher = SequenceMatcher(None, [t.text for t in ours], [t.text for t in theirs], autojunk=False)
    *found, end = matcher.get_matching_blocks()
    blocks = [block for block in found if _weight(ours[block.a : block.a + block.size]) > 1 or _is_edge(block, end)]
    a = b = 0
    before = 0.0
    for block in (*blocks, end):
        after = _weight(ours[block.a : block.a + block.size])
        if a < block.a or b < block.b:
            yield Gap(tuple(ours[a : block.a]), tuple(theirs[b : block.b]), before, after)
        a, b, before = block.a + block.size, block.b + block.size, after


def _is_edge(block: Match, end: Match) -> bool:
    """Whether a part that two sentences have in common begins or ends both."""
    return not (block.a or block.b) or (block.a + block.size == end.a and block.b + block.size == end.b)


def _weight(found: Sequence[Token]) -> float:
    return sum(0.5 if token.character else 1.0 for token in found)


def _text(found: Sequence[Token]) -> str:
    return ("" if found[0].character else " ").join(token.shown for token in found)
