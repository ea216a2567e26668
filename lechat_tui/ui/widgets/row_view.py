"""A scroll view that renders the items of a viewport row by row, and only those in view.

What changes asks for a repaint of the rows that differ, never for a layout. The view follows its end, until the user
scrolls up.
"""

from collections.abc import Callable
from functools import cached_property

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Offset, Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lechat_tui.drawing.bidi import has_rtl, visual
from lechat_tui.drawing.items import Item
from lechat_tui.drawing.rows import Look, Row
from lechat_tui.drawing.selection import MAX_ROWS, Point, position, selected_text
from lechat_tui.drawing.styles import styles
from lechat_tui.drawing.viewport import Viewport
from lechat_tui.terminal import TextOrder
from lechat_tui.ui.look.bidi import order_of, without_bidi
from lechat_tui.ui.look.themes import parse_color

MAX_COLUMN_CELLS = 100
"""The width of the column of text is at most this."""

MIN_RENDERED_ITEMS = 128
"""Items whose rows are kept, in a small view: those in view, and those that were in view last."""

BLANK = Row(())


class RowView(ScrollView, can_focus=False):
    """Shows the items of its viewport."""

    ALLOW_SELECT = True

    def __init__(self, *, end_key: Callable[[], str] = str, id: str | None = None) -> None:
        """`end_key` returns the key that goes to the end, empty if there is none."""
        super().__init__(id=id)
        self._end_key = end_key
        self.viewport: Viewport[Item] = Viewport(
            measure=self._measure,
            estimate=lambda item: item.height(self.column_width),
        )
        """After a change of its items, `fit` brings the view up to date."""
        self._rendered: dict[Item, None] = {}
        """Measured items, the last one last."""
        self._following = True
        self._placing = False
        """Whether the view scrolls by itself now, not because of the user."""
        self._look: Look | None = None
        self._look_is_old = True
        self._numbered = False
        self._painted: dict[int, tuple[Row, Strip]] = {}
        """The strips of the rows in view, by their positions."""
        self._shown: list[Strip] = []
        """The strips of the view at its last repaint."""
        self._measured_for = 0
        """The column width that the heights are for."""
        self._anchor = 0, 0
        """The index of the item at the top of a view that does not follow, and its line there."""
        self._once_open: Callable[[], None] | None = None
        """Called once the view has a size."""

    @cached_property
    def _order(self) -> TextOrder:
        return order_of(self)

    @property
    def following(self) -> bool:
        """Whether the view stays at the end when something is added."""
        return self._following

    @property
    def column_width(self) -> int:
        """Cells of the column of text."""
        return min(max(self.scrollable_content_region.width - 2, 1), MAX_COLUMN_CELLS)

    @property
    def margin(self) -> int:
        """Cells to the left of the column of text."""
        return max((self.scrollable_content_region.width - self.column_width) // 2, 0)

    @property
    def look(self) -> Look:
        """The styles in the current theme; the same object as long as they are the same."""
        if self._look_is_old:
            self._look_is_old = False
            look = styles(self.app.theme_variables, parse=parse_color, numbered=self._numbered)
            if self._look is None or vars(look) != vars(self._look):
                self._look = look
        assert self._look
        return self._look

    # Where the view is

    def _measure(self, item: Item) -> int:
        """The height of an item, whose rows are kept; those of the item that was measured longest ago are freed."""
        self._rendered.pop(item, None)
        self._rendered[item] = None
        if len(self._rendered) > max(MIN_RENDERED_ITEMS, self.size.height):  # an item has two rows at least
            oldest = next(iter(self._rendered))
            del self._rendered[oldest]
            oldest.release()
        return len(item.rows(self.column_width, self.look))

    def fit(self) -> None:
        """Measure what is in view, keep what the user reads where it is, and repaint the rows that differ."""
        height = self.size.height
        if not height:
            return
        self._placing = True
        if self._following:
            top = self.viewport.view_end(height)
            self._resize(self.viewport.rows)
            self._scroll(top)
        else:
            top = self.viewport.view(round(self.scroll_y), height)
            self._resize(self.viewport.rows)
            self._scroll(top)
            self._remember(top)
        self._placing = False
        self._repaint()

    def follow(self) -> None:
        """Follow the end from the next `fit` on."""
        self._following = True

    def stay_at(self, row: int) -> None:
        """Show this row, at the top where there is enough below it, and follow the end no longer."""
        self._following = False
        self._placing = True
        self._resize(self.viewport.rows)
        self._scroll(min(row, max(self.viewport.rows - self.size.height, 0)))
        self._placing = False
        self.fit()

    def page(self, direction: int) -> None:
        """Scroll by a page, up for -1 and down for 1."""
        self.scroll_to(y=self.scroll_target_y + direction * max(self.size.height - 2, 1), animate=False)

    def to_end(self) -> None:
        """Go to the end, and follow it."""
        self.follow()
        self.fit()

    def once_open(self, action: Callable[[], None]) -> bool:
        """Whether the view has no size yet; the action is then called when it has one."""
        if self.size.height:
            return False
        self._once_open = action
        return True

    def number_lines(self) -> bool:
        """Number the lines of code, or stop it; returns whether they are numbered now."""
        self._numbered = not self._numbered
        self._look_is_old = True
        self._painted.clear()
        self.render_again()
        return self._numbered

    def render_again(self) -> None:
        """All rows may have changed: bring the view up to date, with the same line at its top."""
        index, line = self._anchor
        following = self._following
        self._following = True
        self.viewport.estimate()
        self.fit()
        if not following:
            self.viewport.measure(index)
            self.stay_at(self.viewport.top(index) + self.viewport.items[index].row_of(line))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The user scrolled, or the view did."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing:
            self._following = new_value >= self.max_scroll_y
            self.fit()

    def on_resize(self, event: Resize) -> None:
        """Wrap everything again where the column has another width."""
        self._painted.clear()
        self.screen.clear_selection()
        if self._once_open:
            self.call_later(self._once_open)
            self._once_open = None
        if self._measured_for == self.column_width:
            self.fit()
            return
        self._measured_for = self.column_width
        self.render_again()

    def _remember(self, top: int) -> None:
        """Keep the line at the top of the view, unless rows are about to be wrapped for another width."""
        if self.viewport.items and self._measured_for == self.column_width:
            index = self.viewport.index_at(top)
            self._anchor = index, self.viewport.items[index].line_of(top - self.viewport.top(index))

    def _resize(self, rows: int) -> None:
        size = Size(self.scrollable_content_region.width, rows)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)  # assigning it would lay out the whole screen
            self._scroll_update(size)

    def _scroll(self, row: int) -> None:
        self.scroll_target_y = self.scroll_y = max(row, 0)

    # Painting

    def notify_style_update(self) -> None:
        """The theme may be another: render what it changes again."""
        super().notify_style_update()
        self._look_is_old = True
        self._painted.clear()
        if self.viewport.items and self.is_attached:
            self.call_later(self.fit)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the widget, the padding above the view included.

        A row that has not changed is the same object as before: what Textual caches in a strip (cropped, filtered, as
        escape sequences) is then made once, and scrolling is cheap.
        """
        above = self.gutter.top
        filters, background = without_bidi(self.get_line_filters()), self.background_colors[1]
        blank, view = Strip.blank(self.size.width, Style(bgcolor=background.rich_color)), self._view()
        strips: list[Strip] = []
        for y in crop.line_range:
            strip = view[y - above] if above <= y < above + len(view) else blank
            for one in filters:
                strip = strip.apply_filter(one, background)
            strips.append(strip.crop(crop.x, crop.right))
        return strips

    def render_line(self, y: int) -> Strip:
        """One row of the view."""
        return self._view()[y]

    def _repaint(self) -> None:
        """Ask for a repaint of the rows that differ from the last one."""
        shown = self._view()
        if len(shown) == len(self._shown):
            both = enumerate(zip(shown, self._shown, strict=True))
            changed = [Region(0, y, self.size.width, 1) for y, (new, old) in both if new is not old and new != old]
        else:
            changed = [self.size.region]
        self._shown = shown
        if changed:
            self.refresh(*changed)

    def _view(self) -> list[Strip]:
        """The rows of the view, each with its position for the selection."""
        height, width, look = self.size.height, self.column_width, self.look
        top, ground, viewport = round(self.scroll_y), self.rich_style, self.viewport
        painted: dict[int, tuple[Row, Strip]] = {}
        for index in range(viewport.index_at(top), len(viewport.items)):
            rows = viewport.items[index].rows(width, look)
            first = top - viewport.top(index)
            for number in range(first, min(first + height - len(painted), viewport.height(index))):
                place = position(index, number)
                new = rows[number] if number < len(rows) else BLANK
                known = self._painted.get(place)
                same = known and (known[0] is new or known[0] == new)
                painted[place] = known if known and same else (new, self._paint(new, place, ground))
            top = viewport.top(index + 1)
            if len(painted) >= height:
                break
        self._painted = painted
        selection = self.text_selection
        view = [
            self._highlight(row, strip, selection.get_span(place)) if selection else strip
            for place, (row, strip) in painted.items()
        ]
        view += [Strip.blank(self.size.width, ground)] * (height - len(view))
        if view and not self._following:
            view[-1] = self._with_rows_below(view[-1])
        return view

    def _with_rows_below(self, strip: Strip) -> Strip:
        """The last row in view, with a mark at its end that there is more below it."""
        below = self.viewport.rows - round(self.scroll_y) - self.size.height
        key = self._end_key()
        text = f" ↓ {below:,} more{f' · {key}' if key else ''} "
        if below <= 0 or len(text) > self.size.width:
            return strip
        style = self.rich_style + self.look.question + self.look.accent + Style.from_meta({"newest": True})
        end = self.margin + self.column_width
        return Strip.join([strip.crop(0, end - len(text)), Strip([Segment(text, style)]), strip.crop(end)])

    def _paint(self, row: Row, place: int, ground: Style) -> Strip:
        if self._is_reordered(row):
            return self._paint_in_order(row, place, ground)
        runs = [(" " * self.margin, Style.null()), *row.runs]
        strip = Strip([Segment(text, style) for text, style in runs if text])
        return strip.adjust_cell_length(self.size.width, Style.null()).apply_style(ground).apply_offsets(0, place)

    def _is_reordered(self, row: Row) -> bool:
        return self._order != "logical" and (row.rtl or has_rtl(row.text))

    def _paint_in_order(self, row: Row, place: int, ground: Style) -> Strip:
        """A row in the order of the cells; each piece knows its place in the text, which the selection needs."""
        margin = self.margin
        segments = [Segment(" " * margin, Style.from_meta({"offset": (0, place)}))]
        for text, style, start in visual(row.runs, rtl=row.rtl, width=self.column_width, order=self._order):
            segments.append(Segment(text, style + Style.from_meta({"offset": (margin + start, place)})))
        return Strip(segments).adjust_cell_length(self.size.width, Style.null()).apply_style(ground)

    def _highlight(self, row: Row, strip: Strip, span: tuple[int, int] | None) -> Strip:
        if span is None:
            return strip
        start, end = span
        style = self.screen.get_component_rich_style("screen--selection")
        if self._is_reordered(row):
            return _highlight_in_order(strip, start, self.margin + len(row.text.rstrip()) if end < 0 else end, style)
        text = strip.text
        end = len(text.rstrip()) if end < 0 else end
        left, right = (strip.index_to_cell_position(min(at, len(text))) for at in (start, max(start, end)))
        chosen = [Segment(text, (old or Style.null()) + style) for text, old, _ in strip.crop(left, right)]
        return Strip.join([strip.crop(0, left), Strip(chosen), strip.crop(right)])

    # Selection

    def select(self, index: int, row: int, start: int, end: int) -> None:
        """Select these characters of a row of an item."""
        at = position(index, row)
        self.screen.selections = {self: Selection(Offset(self.margin + start, at), Offset(self.margin + end, at))}

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as it was before it was wrapped, without indents and bars."""
        items, width, look = self.viewport.items, self.column_width, self.look
        if not items:
            return None
        start = selection.start or Offset(0, 0)
        end = selection.end or Offset(MAX_ROWS, len(items) * MAX_ROWS)
        text = selected_text(
            lambda index: items[index].rows(width, look),
            len(items),
            Point(start.y, start.x),
            Point(end.y, end.x),
            self.margin,
        )
        return text, "\n"


def _highlight_in_order(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """A strip whose segments have the places of their text in their metadata, with those from start to end selected."""
    segments: list[Segment] = []
    for text, old, _ in strip:
        place = old.meta.get("offset", (end, 0))[0] if old else end
        left, right = (min(max(at - place, 0), len(text)) for at in (start, end))
        parts = (text[:left], old), (text[left:right], (old or Style.null()) + style), (text[right:], old)
        segments += [Segment(part, one) for part, one in parts if part]
    return Strip(segments, strip.cell_length)
