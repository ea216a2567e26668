"""Blocks of Markdown rendered to rows."""

import re
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.tree import SyntaxTreeNode
from rich.cells import cell_len
from rich.style import Style

from lechat_tui.drawing.bidi import CELL, CODE, has_rtl, is_rtl
from lechat_tui.drawing.code import code_rows
from lechat_tui.drawing.latex import readable
from lechat_tui.drawing.markdown import Block
from lechat_tui.drawing.rows import Look, Row, Run, plain, prefixed, row, text_rows, wrap
from lechat_tui.plaintext import safe

BULLETS = "•◦▪"
COLUMN_GAP = "  "
MIN_COLUMN_CELLS = 5
"""A table whose columns would be narrower is rendered as a list of its cells."""

TASK = re.compile(r"\[([ xX])\][ \u00a0]")
CITATION = re.compile(r"\[(\d{1,9})(\??)\]")
"""A citation, and whether it is unverified."""
CLICKABLE = ("http://", "https://", "mailto:")
"""The beginnings of links that a click may open."""


def render_block(block: Block, width: int, look: Look) -> list[Row]:
    """The rows of a block in a column of this width."""
    rows = list(_Renderer(look, block).block(SyntaxTreeNode(block.tokens), max(width, 1)))
    if rows and block.joint.inline:
        rows[0] = rows[0]._replace(joint="")
    return rows


def render_blocks(blocks: Iterable[Block], width: int, look: Look, *, below: bool = False) -> Iterator[Row]:
    """The rows of blocks below each other; `below` says that there is something above the first one."""
    for block in blocks:
        rows = render_block(block, width, look)
        if rows and below and block.joint.gap:
            yield row(())
        yield from rows
        below = below or bool(rows)


class _Renderer:
    """Renders the nodes of one block."""

    def __init__(self, look: Look, block: Block) -> None:
        self._look = look
        self._fence = block.fence
        self._open = block.open
        self._joint = block.joint
        self._depth = 0
        self._task = False
        """Whether the next text begins with the box of a task, which has been rendered."""
        self._renderers = {
            "paragraph": self._paragraph,
            "heading": self._heading,
            "bullet_list": self._list,
            "ordered_list": self._list,
            "blockquote": self._quote,
            "fence": self._fenced,
            "code_block": self._indented,
            "table": self._table,
            "hr": self._rule,
            "math_block": self._display,
        }

    def block(self, node: SyntaxTreeNode, width: int, *, gap: bool = True) -> Iterator[Row]:
        """The children of a node, below each other."""
        for number, child in enumerate(node.children):
            if number and gap:
                yield row(())
            render = self._renderers.get(child.type)
            yield from render(child, width) if render else text_rows([(child.content, self._look.text)], width)

    def _paragraph(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        return text_rows(self._inline(node, self._look.text), width)

    def _heading(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        style = self._look.heading if node.tag in ("h1", "h2") else self._look.strong
        return text_rows(self._inline(node, style), width)

    def _rule(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        return [row([("─" * width, self._look.line)])]

    def _quote(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        bar = ("▎ ", self._look.line)
        return prefixed(self.block(node, max(width - 2, 1)), bar, bar)

    def _display(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        space = ("  ", self._look.text)
        formula = readable(node.content, rows=True)
        return prefixed(text_rows([(formula, self._look.math)], max(width - 2, 1)), space, space)

    def _list(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        loose = any(child.type == "paragraph" and not child.hidden for item in node.children for child in item.children)
        start = int(node.attrs.get("start", 1))
        if self._joint.number is not None and not self._depth:
            start = self._joint.number
        ordered = node.type == "ordered_list"
        space = len(f"{start + len(node.children) - 1}. ") if ordered else 2
        bullet = BULLETS[self._depth % len(BULLETS)]
        self._depth += 1
        for number, item in enumerate(node.children):
            if number and loose:
                yield row(())
            mark = f"{start + number}. ".rjust(space) if ordered else self._box(item) or f"{bullet} "
            rows = list(self.block(item, max(width - space, 1), gap=loose)) or [row(())]
            yield from prefixed(rows, (mark, self._look.accent), (" " * space, self._look.text), copied=True)
        self._depth -= 1

    def _box(self, item: SyntaxTreeNode) -> str:
        """The box of a task, in place of a bullet; empty for any other item."""
        first = item.children[0].children[0] if item.children and item.children[0].type == "paragraph" else None
        found = TASK.match(first.content) if first else None
        self._task = bool(found)
        return ("☐ " if found[1] == " " else "☑ ") if found else ""

    def _fenced(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        language = safe(node.info.split(maxsplit=1)[0]) if node.info.strip() else ""
        if self._joint.head and not self._depth:
            return self._code(node.content, language, width, first=self._joint.lines + 1) if node.content else ()
        number, self._fence = self._fence, self._fence + 1
        return [self._fence_head(number, language, width), *self._code(node.content, language, width)]

    def _fence_head(self, number: int, language: str, width: int) -> Row:
        """The line above a fence: the number to copy and save it by, its language, the command that copies it."""
        style = self._look.soft + Style.from_meta({"lines": True})
        head: list[Run] = [(f"{number} {language}".rstrip()[:width], style)]
        hint = f"/copy {number}"
        gap = width - cell_len(plain(head)) - len(hint)
        if gap > 1:
            head.append((" " * gap + hint, self._look.faint))
        return row(head, skip=len(plain(head)))

    def _indented(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        return self._code(node.content, "", width)

    def _code(self, code: str, language: str, width: int, *, first: int = 1) -> Iterable[Row]:
        return code_rows(code, language, width, self._look, growing=self._open, first=first)

    def _table(self, node: SyntaxTreeNode, width: int) -> Iterable[Row]:
        look = self._look
        rows = [tr.children for part in node.children for tr in part.children]
        head = [list(self._inline(cell, look.soft)) for cell in rows[0]]
        body = [[list(self._inline(cell, look.text)) for cell in cells] for cells in rows[1:]]
        widths = _columns([head, *body], width - len(COLUMN_GAP) * (len(head) - 1))
        if widths is None:
            yield from self._stacked(head, body, width)
            return
        aligns = [str(cell.attrs.get("style", "")).removeprefix("text-align:") for cell in rows[0]]
        rtl = is_rtl([run for cell in head for run in cell])
        yield from _table_row(head, widths, aligns, look, rtl=rtl)
        yield row([(COLUMN_GAP.join("─" * size for size in widths), look.line)], rtl=rtl)
        tall = any(cell_len(plain(cell)) > size for cells in body for cell, size in zip(cells, widths, strict=False))
        for number, cells in enumerate(body):
            if number and tall:
                yield row(())
            yield from _table_row(cells, widths, aligns, look, rtl=rtl)

    def _stacked(self, head: list[list[Run]], body: list[list[list[Run]]], width: int) -> Iterator[Row]:
        """A table that is too wide: each row as lines of `head: cell`."""
        for number, cells in enumerate(body):
            if number:
                yield row(())
            for name, cell in zip(head, cells, strict=False):
                yield from text_rows([*name, (": ", self._look.soft), *cell] if plain(name) else cell, width)

    def _inline(self, node: SyntaxTreeNode, style: Style) -> Iterator[Run]:
        for child in node.children:
            yield from self._spans(child, style)

    def _spans(self, node: SyntaxTreeNode, style: Style) -> Iterator[Run]:
        look = self._look
        match node.type:
            case "inline":
                yield from self._inline(node, style)
            case "softbreak" | "hardbreak":
                yield "\n", style  # a model that writes a line end means one
            case "code_inline":
                yield node.content, look.code + CODE
            case "strong":
                yield from self._inline(node, style + look.strong)
            case "em":
                yield from self._inline(node, style + look.emphasis)
            case "s":
                yield from self._inline(node, style + Style(strike=True))
            case "link":
                target = str(node.attrs.get("href", ""))
                click = Style.from_meta({"open": target}) if target.startswith(CLICKABLE) else Style.null()
                runs = list(self._inline(node, style + look.link + click))
                yield from runs
                if plain(runs) not in (target, target.removeprefix("mailto:")):
                    yield " ", look.soft
                    yield f"({target})", look.soft + click + CODE
            case "math_inline":
                yield readable(node.content), style + look.math + CODE
            case "image":
                yield f"{node.content or 'image'} ({node.attrs.get('src', '')})", look.soft
            case "text" if self._task:
                self._task = False
                yield node.content[4:], style
            case _ if look.cites:
                yield from _citations(node.content, style, look)
            case _:
                yield node.content, style


def _citations(text: str, style: Style, look: Look) -> Iterator[Run]:
    """A text with its citations marked; a click on one opens its passage."""
    done = 0
    for mark in CITATION.finditer(text):
        own = look.error if mark[2] else look.accent
        yield text[done : mark.start()], style
        yield mark[0], style + own + Style.from_meta({"cited": int(mark[1])})
        done = mark.end()
    yield text[done:], style


def _columns(rows: Sequence[Sequence[Sequence[Run]]], width: int) -> list[int] | None:
    """The width of each column; wide columns share what narrow ones leave. None if some would be too narrow."""
    wanted = [
        max(cell_len(plain(cells[n])) if n < len(cells) else 0 for cells in rows) or 1 for n in range(len(rows[0]))
    ]
    if sum(wanted) <= width:
        return wanted
    widths = [0] * len(wanted)
    left, columns = width, len(wanted)
    for want, column in sorted((want, column) for column, want in enumerate(wanted)):
        widths[column] = min(want, left // columns)
        left -= widths[column]
        columns -= 1
    if any(got < min(want, MIN_COLUMN_CELLS) for got, want in zip(widths, wanted, strict=True)):
        return None
    return widths


def _table_row(
    cells: Sequence[Sequence[Run]], widths: Sequence[int], aligns: Sequence[str], look: Look, *, rtl: bool
) -> Iterator[Row]:
    """The rows of one row of a table; `rtl` says that its first column is at the right."""
    columns = [[line for line, _ in wrap(cell, size)] for cell, size in zip(cells, widths, strict=False)]
    for number in range(max(len(column) for column in columns)):
        runs: list[Run] = []
        for column, size, align in zip(columns, widths, aligns, strict=False):
            line = column[number] if number < len(column) else []
            space = size - cell_len(plain(line))
            before = {("left" if rtl else "right"): space, "center": space // 2}.get(align, 0)
            if not align and not rtl and is_rtl(line):
                before = space
            gap = COLUMN_GAP if runs else ""
            cell = [(text, style + CELL) for text, style in line] if rtl or has_rtl(plain(line)) else line
            runs += [(gap + " " * before, look.text), *cell, (" " * (space - before), look.text)]
        yield row([run for run in runs if run[0]], rtl=rtl)
