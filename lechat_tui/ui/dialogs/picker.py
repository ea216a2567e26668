"""Lists to pick from: by typing, with the arrow keys or with the mouse."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lechat_tui.commands.base import Choice
from lechat_tui.plaintext import safe
from lechat_tui.ui.widgets.field import Field


class Picker(ModalScreen[str | None]):
    """Its result is the value of the chosen row, or None."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", "Leave", priority=True),
        Binding("j", "move(1)", "Down"),  # where no field takes the letters
        Binding("k", "move(-1)", "Up"),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
        Binding("pageup", "move(-10)", "Up", priority=True),
        Binding("pagedown", "move(10)", "Down", priority=True),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        *,
        filtered: bool = True,
        chosen: str = "",
        hint: str = "Enter selects · Esc cancels",
    ) -> None:
        """`hint` says what Enter and Esc do."""
        super().__init__()
        self._hint = hint
        self._title = safe(title)
        self._choices = choices
        self._filtered = filtered
        self._chosen = chosen
        self._shown: list[Choice] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet") as sheet:
            if self._filtered:
                sheet.border_title = Content(self._title).markup
                yield Field(placeholder="type to filter", compact=True, select_on_focus=False)
            else:
                yield Static(self._title, id="question", markup=False)
            yield OptionList(markup=False, compact=True)
            yield Static("no matches", id="nothing", markup=False)
            yield Static(self._hint, id="hint", markup=False)

    def on_mount(self) -> None:
        """Show all rows."""
        self._show("")
        if not self._filtered:
            self.query_one(OptionList).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, query: str) -> None:
        self._shown = [choice for choice in self._choices if choice.matches(query)]
        rows = self.query_one(OptionList)
        label_width = max((len(choice.label) for choice in self._shown), default=0)
        rows.set_options(Option(_row(choice, label_width)) for choice in self._shown)
        values = [choice.value for choice in self._shown]
        rows.highlighted = (values.index(self._chosen) if self._chosen in values else 0) if values else None
        self.query_one("#sheet").set_class(not values, "-nothing")

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._shown[event.option_index].value)

    @on(Input.Submitted)
    def _taken(self) -> None:
        index = self.query_one(OptionList).highlighted
        if index is not None:
            self.dismiss(self._shown[index].value)

    def action_move(self, by: int) -> None:
        """Move the highlight."""
        rows = self.query_one(OptionList)
        if rows.option_count:
            rows.highlighted = min(max((rows.highlighted or 0) + by, 0), rows.option_count - 1)

    def action_leave(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


class YesNo(Picker):
    """Its result is `yes`, `no` or None; the default is highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "say('yes')", "Yes", priority=True),
        Binding("n", "say('no')", "No", priority=True),
    ]

    def __init__(self, question: str, *, default: bool) -> None:
        choices = (Choice("yes", "Yes", "y"), Choice("no", "No", "n"))
        super().__init__(
            question,
            choices,
            filtered=False,
            chosen="yes" if default else "no",
            hint="y: yes · n or Esc: no · Enter selects",
        )

    def action_say(self, word: str) -> None:
        """Answer by key."""
        self.dismiss(word)


def _row(choice: Choice, label_width: int) -> Content:
    label = safe(choice.label).replace("\n", " ")
    detail = safe(choice.detail).replace("\n", " ")
    return Content.assemble(f"{label:<{label_width}}", (f"  {detail}", "dim") if detail else "")
