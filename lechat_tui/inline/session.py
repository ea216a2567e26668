"""`lechat --inline`: reads lines, runs commands and asks questions until the user quits."""

import asyncio
import signal
import time
from contextlib import suppress
from types import FrameType

from lechat_tui.attachments.files import Named
from lechat_tui.attachments.mentions import is_dropped_text, mentions, pasted_path
from lechat_tui.attachments.reading import read_named
from lechat_tui.commands.base import is_command, key_of, may_be_saved
from lechat_tui.commands.base import run as run_command
from lechat_tui.commands.checks import may_leave
from lechat_tui.commands.program import DOUBLE_PRESS_SECONDS
from lechat_tui.drawing.themes import Themes, read_themes
from lechat_tui.errors import LechatError
from lechat_tui.inline.host import LINE_KEYS, Download, InlineHost
from lechat_tui.inline.lines import LineReader, hidden_input
from lechat_tui.inline.loop import BackgroundLoop
from lechat_tui.message import Attachment
from lechat_tui.settings.choices import Choices
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.retention import remove_old


def run(conversation: Conversation, *, choices: Choices, download: Download) -> None:
    """Chat in the terminal's own scrollback until the user quits."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    Session(conversation, read_themes(), choices=choices, download=download).run()


def _exit(number: int, frame: FrameType | None) -> None:
    """End once: a closed window sends more than one signal, and another SIGTERM ends the program at once."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise SystemExit(128 + number)


class Session:
    """The main thread: it reads lines, and waits while the loop does what they say."""

    def __init__(
        self,
        conversation: Conversation,
        themes: Themes,
        *,
        choices: Choices | None = None,
        download: Download | None = None,
    ) -> None:
        self._conversation = conversation
        self._lines = LineReader(conversation.history.prompts())
        self._loop = BackgroundLoop()
        self._host = InlineHost(conversation, themes, self._lines, self._loop, choices=choices, download=download)
        self._interrupted = float("-inf")
        """When Ctrl+C was pressed last."""
        self._removed = ""
        """How many old chats were removed, for the user to read with the next line."""

    def run(self) -> None:
        """Read lines until the user quits."""
        try:
            self._welcome()
            self._host.preload()
            self._loop.start(self._remove_old())
            while not self._host.quits:
                self._read_line()
        finally:
            with suppress(LechatError):
                self._loop.run(self._close())
            self._loop.close()

    def _read_line(self) -> None:
        draft = self._host.draft
        try:
            line = self._lines.read(draft.prompt, draft.take_text())
        except EOFError:
            print()
            self._quit_if_confirmed()
        except KeyboardInterrupt:
            print()
            self._interrupt()
        else:
            if line.strip():
                self._lines.remember(line)
                with hidden_input():
                    self._loop.run(self._process(line))

    def _interrupt(self) -> None:
        """Ctrl+C on a line: the second one in a row quits."""
        now = time.monotonic()
        if now - self._interrupted < DOUBLE_PRESS_SECONDS:
            self._quit_if_confirmed()
            return
        self._interrupted = now
        self._host.draft.replace_nothing()
        stop, leave = (key_of(LINE_KEYS, name) for name in ("stop", "leave"))
        self._host.say(f"{stop} again, or {leave}, quits")

    def _quit_if_confirmed(self) -> None:
        """Ask before a private chat is lost; the same key again, as an answer, means yes."""
        try:
            if not self._loop.run(self._confirm_quit()):
                self._host.quit()
        except EOFError:
            self._host.quit()

    async def _confirm_quit(self) -> None:
        if await may_leave(self._host):
            self._host.quit()

    async def _close(self) -> None:
        self._conversation.close_private()
        await self._conversation.engine.close()

    def _welcome(self) -> None:
        flow, setup = self._host.flow, self._conversation.setup
        stop, leave = (key_of(LINE_KEYS, name) for name in ("stop", "leave"))
        flow.text(
            f"chatting with {setup.title}; {phrases.promise(setup.elsewhere)}\n"
            f"{stop} stops an answer, {leave} quits, /help lists the commands"
        )
        if self._conversation.notice:
            flow.text(self._conversation.notice)
        if setup.model.toy:
            flow.text(f"{setup.model.id} is a toy model; /models lists real ones")
        flow.text("")
        if self._conversation.messages:
            self._host.show_chat()

    # On the loop

    async def _remove_old(self) -> None:
        with suppress(LechatError):  # it is tried again at the next start
            self._removed = await remove_old(self._conversation, time.time())

    async def _process(self, line: str) -> None:
        """Do what a line says and what is pending after it; an error ends it."""
        host = self._host
        if self._removed:
            host.say(self._removed)
            self._removed = ""
        try:
            await self._take(line)
            while host.pending:
                await host.pending.popleft()()
        except LechatError as error:
            host.say(str(error), error=True)
        except EOFError:
            host.say("canceled")
        finally:
            host.pending.clear()
            host.flow.clear()

    async def _take(self, text: str) -> None:
        conversation, line = self._conversation, text.strip()
        if not conversation.private and may_be_saved(line):
            await asyncio.to_thread(conversation.history.add_prompt, text)
        if is_command(line):
            await run_command(self._host, line)
        elif path := pasted_path(line) or pasted_path(line, is_dropped_text):
            self._host.attach(await asyncio.to_thread(self._keep, Named(path)))
        else:
            self._host.ask(await asyncio.to_thread(self._with_mentions, text))

    def _with_mentions(self, text: str) -> str:
        """The question with the names of the files behind each `@path`, which are attached."""
        found = mentions(text)
        self._host.draft.attach(*map(self._keep, found.files))
        return found.text

    def _keep(self, file: Named) -> Attachment:
        return self._conversation.keep_attachment(read_named(file))
