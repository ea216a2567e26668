"""The prompt: an editor that grows, with folded pastes and earlier questions."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.text import Text
from textual.binding import Binding
from textual.events import Click, Key, Paste
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult, Location, Selection

from lechat_tui.attachments.mentions import mention, pasted_mentions, pasted_paths
from lechat_tui.commands.arguments import Argument
from lechat_tui.commands.base import Command, find
from lechat_tui.message import Span
from lechat_tui.plaintext import safe
from lechat_tui.ui.look.text_styles import text_style
from lechat_tui.ui.widgets.completion import CompletionList
from lechat_tui.ui.widgets.ordered_editor import OrderedTextArea
from lechat_tui.ui.widgets.pastes import Expanded, Pastes, Submission, is_long
from lechat_tui.values import dataclass

PLACEHOLDER = "Ask le chat, or type / for commands"
NEW_LINE = ("ctrl+j", "shift+enter", "shift+\r", "alt+enter", "ctrl+enter")
"""Keys of a new line; `shift+\r` is Shift+Enter where xterm's modifyOtherKeys is on."""

CHORD = "ctrl+x"

MENTION = re.compile(r"""(?<!\S)@("[^"]*|[^\s"]*)$""")
"""A file that is being named, at the end of the text before the cursor."""

MAX_UNFOLDED_CHARS = 50_000
"""A longer text that is put into the editor is folded."""

MAX_MENTION_CHARS = 400
"""Characters before the cursor that are searched for a file that is being named."""

EDITING_KEYS = {
    key.strip(): binding.action
    for binding in TextArea.BINDINGS
    if isinstance(binding, Binding)
    for key in binding.key.split(",")
}
"""What each key does in an editor."""


class Prompt(OrderedTextArea):
    """The editor. Enter sends, and Up brings back what was sent before."""

    @dataclass
    class Submitted(Message):
        """The user sent this."""

        submission: Submission

    @dataclass
    class Dropped(Message):
        """The paths of these files were pasted or dropped."""

        paths: Sequence[Path]

    class Emptied(Message):
        """Backspace in an empty prompt."""

    def __init__(self, completions: CompletionList) -> None:
        self._pastes = Pastes()
        super().__init__(placeholder=PLACEHOLDER, highlight_cursor_line=False, compact=True)
        self.cursor_blink = False  # blinking repaints the screen twice a second
        self.match_cursor_bracket = False
        self.past_questions: list[str] = []
        self.pasted_before: dict[str, tuple[Span, ...]] = {}
        """Of those with long pastes, where these are."""
        """What was sent before, the oldest first."""
        self._back = 0
        self._unsent = "", Pastes()
        self._list = completions
        self._chord = False
        """Whether the last key was Ctrl+X, of the shell's Ctrl+X Ctrl+E."""
        self.screen_action: Callable[[str], str] = lambda key: ""
        """The action of the screen for a key, run in the order of the keys."""
        self.step_queue: Callable[[int], bool] = lambda by: False
        """Takes the queued question before (1) or after (-1) the one in the prompt; False if there is none."""
        # Not as bindings: a binding would overtake characters that are still on their way to the editor
        self._list_keys: dict[str, Callable[[], None]] = {
            "up": partial(completions.move, -1),
            "down": partial(completions.move, 1),
            "tab": self._complete,
            "enter": self._take,
            "escape": self._close,
        }

    @property
    def full_text(self) -> str:
        """The text with all pastes unfolded."""
        return self._pastes.expand(self.text)

    @property
    def expanded(self) -> Expanded:
        """The text with all pastes unfolded, and where they are."""
        return self._pastes.unfold(self.text)

    def take_from(self, start: str) -> tuple[Expanded, Expanded]:
        """The text up to the end of `start`, if it begins so, and the text after it; both with all pastes unfolded."""
        text = self.text
        cut = len(start) if text.startswith(start) else len(text)
        return self._pastes.unfold(text[:cut]), self._pastes.unfold(text[cut:])

    def set_past(self, text: str) -> None:
        """Show an earlier question, folded as it was."""
        self.set_text(text, self.pasted_before.get(text, ()))

    def set_text(self, text: str, pasted: Sequence[Span] = ()) -> None:
        """Replace the text, with these parts of it folded, and put the cursor at its end."""
        self._pastes = Pastes()
        pieces: list[str] = []
        end = 0
        for start, stop in pasted:
            pieces += safe(text[end:start]), self._pastes.fold(safe(text[start:stop]), text)
            end = stop
        rest = text[end:]
        pieces.append(safe(rest) if len(rest) <= MAX_UNFOLDED_CHARS else self._pastes.fold(safe(rest), ""))
        self._show("".join(pieces))

    def _show(self, text: str) -> None:
        self.text = text
        self.move_cursor(self.document.end)

    def follow(self) -> None:
        """Show the completions of the word at the cursor."""
        self._list.follow(self.text, self._mention)

    @property
    def mentioning(self) -> bool:
        """Whether a file is being named."""
        return self._mention is not None

    @property
    def _mention(self) -> str | None:
        """The text between an `@` and the cursor."""
        found = self._named
        return found[1].removeprefix('"') if found else None

    @property
    def _named(self) -> re.Match[str] | None:
        row, column = self.cursor_location
        return MENTION.search(self.document.get_line(row)[:column], max(column - MAX_MENTION_CHARS, 0))

    async def on_key(self, event: Key) -> None:
        """Handle every key that is bound here or on the screen; the editor inserts the characters.

        Bindings would run later than characters that arrive with them, as from a paste by another program.
        """
        self.follow()
        chord, self._chord = self._chord, event.key == CHORD and not self.selected_text
        if self._list.shown and event.key in self._list_keys:
            self._list_keys[event.key]()
        elif event.key == "enter":
            self._enter()
        elif event.key in NEW_LINE:
            self.insert("\n")
        elif chord and event.key == "ctrl+e":
            await self.app.run_action("editor", self.screen)
        elif self._chord and not self.screen_action(CHORD):
            pass  # the next key says what it begins; nothing is selected to be cut
        elif event.key == "tab" and self.text:
            pass  # pressed by habit to complete a word; the words that follow belong here
        elif not await self._run_bound(event.key):
            return
        event.stop()
        event.prevent_default()

    def take_chord(self) -> bool:
        """Whether the last key began a chord, which ends now."""
        chord, self._chord = self._chord, False
        return chord

    async def _run_bound(self, key: str) -> bool:
        """Run the action of a key; False if it has none now."""
        action = self.screen_action(key)
        if action and await self.app.run_action(action, self.screen):
            return True
        editing = EDITING_KEYS.get(key)
        return bool(editing and await self.app.run_action(editing, self))

    def _enter(self) -> None:
        row, column = self.cursor_location
        if column and self.document.get_line(row)[column - 1] == "\\":
            self.replace("\n", (row, column - 1), (row, column))
        else:
            self.submit(self.text)

    def _take(self) -> None:
        """Send the text if it is complete; else complete it, and send it if it is a command without an argument."""
        match self._list.offer:
            case Command() as command if not find(self.text):
                self._complete()
                if command.argument:
                    return
            case Argument() as argument if self._list.moved:
                self._complete()
                if argument.line.endswith(" "):
                    return
            case str(file) if file != self._mention:
                self._complete()
                return
        self.submit(self.text)

    def _complete(self) -> None:
        """Replace the word at the cursor by the highlighted command or file."""
        match self._list.offer:
            case Command() as command:
                self.set_text(f"{command.name} " if command.argument else command.name)
            case Argument() as argument:
                self.set_text(argument.line)
            case str(file):
                self._name_file(file)
        self._close()

    def _name_file(self, file: str) -> None:
        """Replace the text after the `@` by this file."""
        row, column = self.cursor_location
        found = self._named
        if found:
            spaced = self.document.get_line(row)[column : column + 1] == " "
            self.replace(f"{mention(file)} ", (row, found.start()), (row, column + spaced))

    def _close(self) -> None:
        self._list.close(self.text)

    # Folded pastes

    def validate_selection(self, selection: Selection) -> Selection:
        """Keep the cursor out of labels: typing would break them."""
        return Selection(self._outside(selection.start), self._outside(selection.end))

    def _outside(self, at: Location) -> Location:
        row, column = at
        label = self._label(at)
        if not label:
            return at
        start, end = label
        before = self.selection.end
        if before == (row, start):
            return row, end
        return (row, start) if before == (row, end) or column - start < end - column else (row, end)

    def _label(self, at: Location) -> tuple[int, int] | None:
        row, column = at
        return self._pastes.label_at(self.document.get_line(row), column) if row < self.document.line_count else None

    def edit(self, edit: Edit) -> EditResult:
        """Change the text; a label that is touched is deleted as a whole."""
        top, bottom = sorted((edit.from_location, edit.to_location))
        if label := self._label(top):
            top = top[0], label[0]
        if label := self._label(bottom):
            bottom = bottom[0], label[1]
        edit.from_location, edit.to_location = top, bottom
        return super().edit(edit)

    def get_line(self, line_index: int) -> Text:
        """A line with its labels highlighted."""
        line = super().get_line(line_index)
        for start, end in self._pastes.spans(line.plain):
            line.stylize(text_style(self.app, "accent"), start, end)
        return line

    def on_click(self, event: Click) -> None:
        """Unfold the paste whose label was clicked."""
        at = self.get_target_document_location(event)
        label = self._label(at) if not self.selected_text else None
        if label:
            self._unfold(at[0], *label)

    def unfold_pastes(self) -> bool:
        """Unfold all pastes; False if there are none."""
        rows = range(self.document.line_count - 1, -1, -1)
        found = [(row, *span) for row in rows for span in reversed(self._pastes.spans(self.document.get_line(row)))]
        for row, start, end in found:
            self._unfold(row, start, end)
        return bool(found)

    def _unfold(self, row: int, start: int, end: int) -> None:
        label = self.document.get_line(row)[start:end]
        self.replace(self._pastes.expand(label), (row, start), (row, end), maintain_selection_offset=False)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Show the cursor; Textual's undo asks for that even if the line of the cursor is gone."""
        if self.cursor_location[0] >= self.document.line_count:
            return Offset()
        return super().scroll_cursor_visible(center, animate)

    def click_row(self) -> None:
        """Take the row of the list that was clicked."""
        self.focus()
        self._list.moved = True
        self._take()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave these keys to the screen while the editor is empty."""
        if action in ("delete_right", "cursor_line_end") and not self.text:
            return False
        return super().check_action(action, parameters)

    def submit(self, text: str) -> None:
        """Send this, and empty the editor."""
        self._back = 0
        submission = Submission(text, self._pastes)
        self.set_text("")
        self.post_message(self.Submitted(submission))

    def on_paste(self, event: Paste) -> None:
        """Attach dropped files, and fold a long text; the editor inserts the rest."""
        event.stop()
        event.prevent_default()
        self.insert_pasted(event.text)

    def insert_pasted(self, text: str) -> None:
        """Insert a pasted text: a label if it is long, `@path` for a text file; an image is attached."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # many terminals end the lines of a paste with CR
        row, column = self.cursor_location
        if paths := pasted_paths(text):
            self.post_message(self.Dropped(paths))
        elif named := pasted_mentions(text):
            begins = self.document.get_line(row)[:column][-1:].strip() == ""
            self._replace_selected(f"{named} " if begins else f" {named} ")
        else:
            text = safe(text)
            self._replace_selected(self._pastes.fold(text, self.text) if is_long(text) else text)

    def _replace_selected(self, text: str) -> None:
        self.replace(text, *self.selection, maintain_selection_offset=False)

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up; from the first line, to the question sent before."""
        if select or not self.cursor_at_first_line:
            super().action_cursor_up(select)
        else:
            self._go_back(1)
            self.move_cursor((0, len(self.document.get_line(0))))  # where Up goes further back

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down; from the last line, to the question sent after."""
        if select or not self.cursor_at_last_line:
            super().action_cursor_down(select)
        else:
            self._go_back(-1)

    def _go_back(self, by: int) -> None:
        """Go to an earlier question, or a later one if negative: those that are queued come first."""
        if not self._back and self.step_queue(by):
            self._close()  # its keys would be those of the list
        else:
            self.recall(by)

    def recall(self, by: int) -> None:
        """Go so many questions back, or forward if negative."""
        back = min(max(self._back + by, 0), len(self.past_questions))
        if back == self._back:
            return
        if not self._back:
            self._unsent = self.text, self._pastes
        self._back = back
        if back:
            self.set_past(self.past_questions[-back])
        else:
            text, self._pastes = self._unsent
            self._show(text)
        self._close()  # its keys would be those of the list

    def action_delete_left(self) -> None:
        """Delete a character; in an empty prompt, ask to remove an attachment."""
        if self.text:
            super().action_delete_left()
        else:
            self.post_message(self.Emptied())
