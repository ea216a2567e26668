"""Old chats are removed by age, and a wrong clock removes none."""

from datetime import datetime
from pathlib import Path

import pytest

from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Message
from lechat_tui.models.available import Models
from lechat_tui.settings.config import Settings
from lechat_tui.store import Chat, Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.retention import remove_old

START = datetime(2026, 1, 1, 12).timestamp()
YEARS = 20 * 365


class Clock:
    """Days since the start of 2026."""

    def __init__(self) -> None:
        self.day = 0.0

    def __call__(self) -> float:
        return START + self.day * 86_400


@pytest.mark.parametrize(
    ("messages", "now", "keep", "removed"),
    [
        ("a0 b80 c95", 100, "90d", "a"),
        ("a0 b80 c95", 100, "forever", ""),
        ("a0 b80 a85 c95", 100, "90d", ""),  # a chat is as old as its last message
        ("a0 b1 c2", 2 + YEARS, "1y", ""),  # the clock jumped ahead: nothing was written since
        (f"a0 b1 c{YEARS} d{YEARS + 1}", 1 + YEARS, "1y", ""),  # and now something was
        (f"a0 b1 c{YEARS} d2 e20 f35", 40, "30d", "abcd"),  # it was set right again
        (f"a0 b1 c{YEARS} d2 e20 f40 g60 h80", 81, "60d", "abcde"),  # what was written meanwhile is as old as the rest
        ("a0 b-9999 c20 d40", 45, "40d", "a"),  # a clock that was never set
        ("a0 b400", 401, "1y", ""),  # after a pause, a week of use shows that the clock is right
        ("a0 b400 c405", 409, "1y", "a"),
        ("a0 b8", 8, "7d", ""),
        ("a0 b3 c6", 9, "7d", "a"),
    ],
)
async def test_chats_are_removed_by_age_and_never_by_a_wrong_clock(
    tmp_path: Path, models: Models, messages: str, now: float, keep: str, removed: str
) -> None:
    clock, chats, engine = Clock(), dict[str, Chat](), EchoEngine()
    with Store(tmp_path, clock=clock) as store:
        for word in messages.split():
            clock.day = float(word[1:])
            chat = chats.setdefault(word[0], None) or store.new_chat(word[0])  # type: ignore[arg-type]
            store.add(chat.id, Message("user", word), 0)
            chats[word[0]] = chat
        clock.day = now
        conversation = Conversation(store, engine, models, models.get("petit"), settings=Settings(keep=keep))
        sentence = await remove_old(conversation, clock())
        assert "".join(sorted(set(chats) - {chat.title for chat in store.chats()})) == removed
        assert engine.forgotten == [chats[name].id for name in removed]
        assert bool(sentence) == bool(removed) and keep in f"{sentence}{keep}"


async def test_the_open_chat_is_never_removed_and_attached_files_go_with_their_chat(
    tmp_path: Path, models: Models
) -> None:
    clock = Clock()
    with Store(tmp_path, clock=clock) as store:
        chats = [store.new_chat(name) for name in ("open", "old", "new")]
        files = [store.keep_attachment(name.encode(), name, "text") for name in ("kept.txt", "gone.txt", "new.txt")]
        for day, chat, file in zip((0, 1, 50), chats, files, strict=True):
            clock.day = day
            store.add(chat.id, Message("user", "hi", attachments=(file,)), 0)
        settings = Settings(keep="30d")
        conversation = Conversation(
            store, EchoEngine(), models, models.get("petit"), settings=settings, chat=store.chat(1)
        )
        clock.day = 60
        store.add(chats[2].id, Message("user", "still in use"), 0)
        assert await remove_old(conversation, clock()) == "removed 1 chat unused for 30d"
        assert [chat.title for chat in store.chats()] == ["new", "open"]
        assert [file.path.exists() for file in files] == [True, False, True]
