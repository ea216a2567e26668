"""Math in Markdown: `$x$`, `$$x$$`, `\\(x\\)` and `\\[x\\]`.

A dollar sign mostly means money. Text between two of them is math only if it looks like it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_CLOSING = {"$$": "$$", "\\[": "\\]"}

_DOLLARS = re.compile(r"(?<![\w$\\])\$(?![\s$])((?:[^$\\`\n]|\\.)+?)(?<!\s)\$(?![\w$])")
_INLINE = (
    re.compile(r"\$\$((?:[^$\\`\n]|\\.)+?)\$\$"),
    re.compile(r"\\\(((?:[^\\`\n]|\\(?!\)).)+?)\\\)"),
    re.compile(r"\\\[((?:[^\\`\n]|\\(?!\]).)+?)\\\]"),
)
_SIGNS = re.compile(r"[\\^_={}<>]|[A-Za-z0-9)]\s*[-+*/|]\s*[A-Za-z0-9(]")
_WORDS = re.compile(r"(?<!\\)\b[^\W\d_]{3,}")
_AMOUNT = re.compile(r"[\d.,]+[a-zA-Z%]?\s+\w")
_LETTER = re.compile(r"\w")
MAX_FORMULA_CHARS = 2_000


def enable(markdown: MarkdownIt) -> None:
    """Make a parser find math, as tokens `math_inline` and `math_block` with the source as their content."""
    markdown.inline.ruler.before("escape", "math_inline", _inline)
    markdown.block.ruler.before(
        "fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _inline(state: StateInline, silent: bool) -> bool:
    start = state.pos
    match = _match(state.src, start, min(state.posMax, start + MAX_FORMULA_CHARS))
    if match is None:
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content = match[1].strip()
        token.markup = match[0][: match.start(1) - match.start()]
    state.pos = match.end()
    return True


def _match(source: str, start: int, end: int) -> re.Match[str] | None:
    if source[start] == "\\" or source.startswith("$$", start):
        found = next((match for rule in _INLINE if (match := rule.match(source, start, end))), None)
        if found and source[start] == "$" and not _looks_like_math(found[1].strip()):
            return None
        return found if found and _LETTER.search(found[1]) else None
    if source[start] != "$":
        return None
    found = _DOLLARS.match(source, start, end)
    return found if found and _looks_like_math(found[1]) else None


def _looks_like_math(content: str) -> bool:
    """False for words, an amount with words after it, or a shell variable."""
    if _AMOUNT.match(content) and not re.search(r"[\\^_=]", content):
        return False
    return bool(_SIGNS.search(content)) or not (_WORDS.search(content) or content[0].isdigit())


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A formula from an opening at the beginning of a line to a closing at the end of one, without a blank line.

    At the end of the text a missing closing counts as there: a growing answer shows its formula.
    """
    if state.is_code_block(first):
        return False
    opening = state.src[state.bMarks[first] + state.tShift[first] :][:2]
    closing = _CLOSING.get(opening)
    if closing is None:
        return False
    content: list[str] = []
    for line in range(first, last):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()
        if line == first:
            text = text[2:]
        if (not text and line > first) or text.startswith(("```", "~~~")) or state.sCount[line] < state.blkIndent:
            return False
        if text.endswith(closing) and not (closing == "\\]" and text.endswith("\\\\]")):
            content.append(text[:-2])
            if opening == "$$" and not _looks_like_math("\n".join(content).strip() or " "):
                return False
            return _push(state, first, line + 1, opening, content, silent)
        if closing in text or sum(map(len, content)) > MAX_FORMULA_CHARS:
            return False
        content.append(text)
    if silent or state.parentType != "root" or last < state.lineMax:
        return False
    if content[0].strip():
        return _as_paragraph(state, first, last)
    return _push(state, first, last, opening, content, silent)


def _as_paragraph(state: StateBlock, first: int, end: int) -> bool:
    """Keep what may become a formula as a paragraph until then."""
    state.push("paragraph_open", "p", 1).map = [first, end]
    inline = state.push("inline", "", 0)
    inline.content = state.getLines(first, end, state.blkIndent, False).strip()
    inline.map = [first, end]
    inline.children = []
    state.push("paragraph_close", "p", -1)
    state.line = end
    return True


def _push(state: StateBlock, first: int, end: int, opening: str, content: list[str], silent: bool) -> bool:
    if not _LETTER.search("".join(content)):
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.content = "\n".join(content).strip()
        token.markup = opening
        token.map = [first, end]
        token.block = True
        state.line = end
    return True
