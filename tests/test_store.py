"""The history on disk: messages are still there, whatever happened in between."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

import lechat_tui
from lechat_tui.message import Message, Receipt, Role, Sampling
from lechat_tui.store import Chat, Draft, Store, StoreError, open_for_reading, schema
from lechat_tui.store.errors import store_errors
from lechat_tui.talk import exports
from lechat_tui.talk.branches import ShownBranches

QUESTION = Message("user", "What is the capital of France?")
DRAFT = Message("assistant", "Par", state="draft")


def program(source: str, folder: Path) -> subprocess.Popen[str]:
    """Another program, which opens `store` in this folder when a line arrives on its stdin."""
    begin = """
import sys
from pathlib import Path
from lechat_tui.message import Message
from lechat_tui.store import Store
sys.stdin.readline()
store = Store(Path(sys.argv[1]))
"""
    root = Path(lechat_tui.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", begin + source, str(folder)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(*programs: subprocess.Popen[str]) -> None:
    """Let these programs go on, all at once."""
    for running in programs:
        assert running.stdin
        running.stdin.write("go\n")
        running.stdin.flush()


def without_fts5(*given: object, **options: object) -> sqlite3.Connection:
    """A connection to an SQLite that was built without FTS5, as far as making its tables and writing to them goes."""

    def allow(action: int, table: str | None, module: str | None, *_: object) -> int:
        makes = action == sqlite3.SQLITE_CREATE_VTABLE and module == "fts5"
        writes = action == sqlite3.SQLITE_INSERT and table == "search"
        return sqlite3.SQLITE_DENY if makes or writes else sqlite3.SQLITE_OK

    db: sqlite3.Connection = sqlite3.connect(*given, **options)  # type: ignore[call-overload]
    db.set_authorizer(allow)
    return db


def abandon(folder: Path) -> None:
    """Make every draft look as if its program had died a while ago."""
    db = sqlite3.connect(folder / "history.db")
    with db:
        db.execute("UPDATE message SET written = written - 60")
    db.close()


def ask(store: Store, *texts: str) -> Chat:
    """A chat with these messages, one after the other."""
    chat = store.new_chat(texts[0] if texts else "empty")
    parent = 0
    for text in texts:
        parent = store.add(chat.id, Message("user", text), parent).id
    return store.chat(chat.id) or chat


def test_messages_survive_closing_and_opening(tmp_path: Path) -> None:
    receipt = Receipt(
        "chaton", file="chaton.gguf", sampling=Sampling(0.3, seed=7), tokens_per_s=12.5, stop_reason="length"
    )
    with Store(tmp_path) as store:
        chat = store.new_chat("France", system="Be brief", model="chaton")
        asked = store.add(chat.id, QUESTION, 0)
        answer = Message("assistant", "Paris", thinking="Easy", state="cut", receipt=receipt)
        answered = store.add(chat.id, answer, asked.id)
    with Store(tmp_path) as store:
        [found] = store.chats()
        assert (found.title, found.system, found.model, found.leaf) == ("France", "Be brief", "chaton", answered.id)
        assert store.path(chat.id) == [asked, answered]
        assert answered == replace(answer, id=answered.id, parent=asked.id)
        assert store.path(chat.id)[1].created == pytest.approx(time.time(), abs=60)


def test_a_growing_answer_replaces_itself(store: Store) -> None:
    chat = ask(store, "Hello")
    draft = store.add(chat.id, DRAFT, chat.leaf)
    done = replace(draft, text="Paris", thinking="Hm", state="complete", receipt=Receipt("chaton"))
    store.keep(done)
    assert store.path(chat.id)[1:] == [done]


def test_editing_a_question_adds_a_sibling_and_keeps_the_earlier_branch(store: Store) -> None:
    chat = ask(store, "first", "second")
    before = store.path(chat.id)
    edited = store.add(chat.id, Message("user", "second, improved"), before[0].id)
    assert [m.text for m in store.path(chat.id)] == ["first", "second, improved"]
    assert store.siblings(edited.id) == [before[1].id, edited.id]
    assert store.set_leaf(chat.id, before[1].id).leaf == before[1].id
    assert store.path(chat.id) == before


def test_siblings_of_a_first_question_belong_to_its_chat(store: Store) -> None:
    other, chat = ask(store, "elsewhere"), ask(store, "first")
    second = store.add(chat.id, Message("user", "first, improved"), 0)
    assert store.siblings(second.id) == [chat.leaf, second.id]
    assert store.siblings(other.leaf) == [other.leaf]


@given(some.lists(some.integers(0, 30), min_size=1, max_size=30), some.integers(0, 29))
def test_every_branch_of_any_tree_can_be_shown(choices: list[int], chosen: int) -> None:
    with Store(None) as store:
        chat, other = store.new_chat("tree"), store.new_chat("other tree")
        kept: list[Message] = []
        for place, choice in enumerate(choices):
            parents = [0, *(message.id for message in kept)]
            kept.append(store.add(chat.id, Message("user", str(place)), parents[choice % len(parents)]))
            store.add(other.id, Message("user", "noise"), 0)
        leaf = kept[chosen % len(kept)]
        by_id = {message.id: message for message in kept}
        branch = [leaf]
        while branch[0].parent:
            branch.insert(0, by_id[branch[0].parent])
        store.set_leaf(chat.id, leaf.id)
        assert store.path(chat.id) == branch
        assert store.siblings(leaf.id) == [m.id for m in kept if m.parent == leaf.parent]


def test_a_parent_must_belong_to_the_same_chat(store: Store) -> None:
    one, two = ask(store, "one"), ask(store, "two")
    with pytest.raises(StoreError):
        store.add(two.id, QUESTION, one.leaf)
    with pytest.raises(StoreError):
        store.set_leaf(two.id, one.leaf)
    assert [m.text for m in store.path(two.id)] == ["two"]


def test_an_empty_branch_can_be_shown(store: Store) -> None:
    chat = ask(store, "first")
    store.set_leaf(chat.id, 0)
    assert store.path(chat.id) == []


def test_chats_are_listed_by_their_last_message_newest_first(store: Store) -> None:
    one, two, three = ask(store, "one"), ask(store, "two"), ask(store, "three")
    assert [chat.id for chat in store.chats()] == [three.id, two.id, one.id]
    store.add(one.id, QUESTION, one.leaf)
    assert [chat.id for chat in store.chats()] == [one.id, three.id, two.id]
    assert store.latest() == store.chat(one.id)
    assert [chat.id for chat in store.chats(limit=1, offset=1)] == [three.id]


@pytest.mark.parametrize("seconds", [-1e9, 1e9])
def test_a_wrong_clock_decides_neither_which_chat_is_the_latest_nor_what_grows(
    store: Store, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    one, two = ask(store, "one"), ask(store, "two")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)
    store.add(one.id, QUESTION, one.leaf)
    draft = store.add(two.id, DRAFT, two.leaf)
    monkeypatch.undo()
    store.add(one.id, QUESTION, one.leaf)
    assert store.latest() == store.chat(one.id)
    assert store.path(two.id)[-1].state == "interrupted"  # its program would have written again
    store.keep(replace(draft, text="Paris"))
    assert store.path(two.id)[-1].state == "draft"


def test_a_history_that_was_removed_while_it_is_open_takes_nothing_more(store: Store, tmp_path: Path) -> None:
    chat = ask(store, "Hello")
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(StoreError, match="was removed; /export saves this chat"):
        store.add(chat.id, QUESTION, chat.leaf)
    assert [message.text for message in store.path(chat.id)] == ["Hello"]


def test_an_empty_history_has_no_latest_chat(store: Store) -> None:
    assert store.latest() is None
    assert store.chats() == []
    assert store.chat(1) is None


@pytest.mark.parametrize("typed", ["été", "ETE", "Été à la", "paris été"])
def test_titles_match_regardless_of_case_and_accents(store: Store, typed: str) -> None:
    store.new_chat("Un été à la mer, 100 % Paris")
    store.new_chat("Winter_")
    assert [chat.title for chat in store.chats(matching=typed)] == ["Un été à la mer, 100 % Paris"]


def test_wildcards_in_a_title_filter_are_literal(store: Store) -> None:
    store.new_chat("100 % Paris")
    store.new_chat("Winter_")
    assert [chat.title for chat in store.chats(matching="%")] == ["100 % Paris"]
    assert [chat.title for chat in store.chats(matching="_")] == ["Winter_"]


def test_pins_and_system_prompts_are_stored(store: Store) -> None:
    chat = ask(store, "one", "two")
    first = store.path(chat.id)[0]
    store.set_pinned(first.id, True)
    store.set_system(chat.id, "be brief")
    shown = store.chat(chat.id)
    assert shown and shown.system == "be brief"
    assert [m.pinned for m in store.path(chat.id)] == [True, *[False] * (len(store.path(chat.id)) - 1)]
    store.set_pinned(first.id, False)
    assert not any(m.pinned for m in store.path(chat.id))
    with pytest.raises(StoreError, match="there is no message 999"):
        store.set_pinned(999, True)


def test_a_history_without_pins_is_migrated(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    db = sqlite3.connect(folder / "history.db", isolation_level=None)
    schema.migrate(db, schema.SCRIPTS[:1])
    db.execute("INSERT INTO chat (title, created, updated, leaf, system, model) VALUES ('t', 1, 1, 1, '', '')")
    db.execute(
        "INSERT INTO message (chat, role, text, thinking, state, created, written)"
        " VALUES (1, 'user', 'hello', '', 'complete', 1, 1)"
    )
    db.close()
    with Store(folder) as store:
        assert [(m.text, m.pinned) for m in store.path(1)] == [("hello", False)]


def test_a_chat_can_be_renamed_and_given_another_model(store: Store) -> None:
    chat = store.new_chat("one", model="chaton")
    assert store.rename(chat.id, "two") == replace(chat, title="two")
    assert store.set_model(chat.id, "ministral") == replace(chat, title="two", model="ministral") == store.latest()


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.rename(7, "x"),
        lambda store: store.set_model(7, "x"),
        lambda store: store.set_leaf(7, 1),
        lambda store: store.add(7, QUESTION, 0),
        lambda store: store.keep(replace(QUESTION, id=7)),
        lambda store: store.chat(10**30),
    ],
)
def test_unknown_ids_are_errors(store: Store, act: Callable[[Store], object]) -> None:
    with pytest.raises(StoreError, match="chat"):
        act(store)
    assert store.chats() == []


def test_deleting_a_chat_deletes_its_messages_index_entries_and_files(store: Store, tmp_path: Path) -> None:
    mine, shared = (
        store.keep_attachment(b"mine", "a.png", "image", 1, 1),
        store.keep_attachment(b"shared", "b.png", "image", 1, 1),
    )
    chat, other = store.new_chat("gone"), store.new_chat("stays")
    store.add(chat.id, Message("user", "look at this cathedral", attachments=(mine, shared)), 0)
    store.add(other.id, Message("user", "and at this", attachments=(shared,)), 0)
    store.delete(chat.id)
    assert [c.id for c in store.chats()] == [other.id]
    assert store.path(chat.id) == []
    assert store.search("cathedral") == []
    assert not mine.path.exists()
    assert shared.path.read_bytes() == b"shared"
    store.close()
    assert b"look at this" not in (tmp_path / "data" / "history.db").read_bytes()


@pytest.mark.parametrize("full_text", [True, False])
def test_the_text_of_attached_files_is_found(tmp_path: Path, full_text: bool) -> None:
    with Store(tmp_path, connect=sqlite3.connect if full_text else without_fts5) as store:
        chat = store.new_chat("Bread")
        files = (
            store.keep_attachment("crème of platypus".encode(), "a.txt", "text"),
            store.keep_attachment(b"print(wombat)", "b.py", "text"),
            store.keep_attachment(b"echidna", "c.png", "image"),
        )
        asked = store.add(chat.id, Message("user", "what is this?", attachments=files), 0)
        for words in ("platypus", "creme plat", "what platypus", "print(wombat"):
            (hit,) = store.search(words)
            assert hit.message == asked.id and hit.matches
        assert store.search("echidna") == [] and "platypus" in store.search("platypus")[0].snippet
        store.set_pinned(asked.id, True)
        store.delete(chat.id)
        assert store.search("platypus") == []


def test_the_files_of_an_earlier_history_are_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        chat = store.new_chat("Bread")
        file = store.keep_attachment(b"platypus", "a.txt", "text")
        store.add(chat.id, Message("user", "what is this?", attachments=(file,)), 0)
    db = sqlite3.connect(tmp_path / "history.db")
    db.executescript("""
        DROP TRIGGER search_add; DROP TRIGGER search_change; DROP TRIGGER search_delete; DROP TABLE search;
        DROP INDEX chat_last; ALTER TABLE chat DROP COLUMN last; CREATE INDEX chat_updated ON chat (updated);
        ALTER TABLE message DROP COLUMN attached;
        ALTER TABLE message DROP COLUMN pasted;
        ALTER TABLE attachment DROP COLUMN details;
        ALTER TABLE chat DROP COLUMN libraries; ALTER TABLE message DROP COLUMN citations;
        ALTER TABLE draft DROP COLUMN pasted; ALTER TABLE prompt DROP COLUMN pasted;
        CREATE VIRTUAL TABLE search USING fts5 (text, content = 'message', content_rowid = 'id');
        INSERT INTO search (rowid, text) SELECT id, text FROM message;
        CREATE TRIGGER search_add AFTER INSERT ON message BEGIN
            INSERT INTO search (rowid, text) VALUES (new.id, new.text);
        END;
        CREATE TRIGGER search_change AFTER UPDATE OF text, state ON message BEGIN
            INSERT INTO search (rowid, text) VALUES (new.id, new.text);
        END;
        CREATE TRIGGER search_delete AFTER DELETE ON message BEGIN
            INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text);
        END;
    """)
    db.execute("PRAGMA user_version = 5")
    db.close()
    with Store(tmp_path) as store:
        assert [hit.chat.id for hit in store.search("platypus")] == [chat.id] == [store.search("what")[0].chat.id]
        store.delete(chat.id)
        assert store.search("platypus") == store.search("what") == []


def test_no_word_of_a_deleted_chat_is_left_in_the_files(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        other = store.new_chat("other")
        store.add(other.id, Message("user", "a platypus stays"), 0)
        chat = store.new_chat("xyzzyplugh one")
        for prompt in (
            "xyzzyplugh one",
            "/code xyzzyplugh two",
            "/compare m xyzzyplugh\nthree",
            "see @/tmp/xyzzyplugh.txt",
        ):
            store.add_prompt(prompt)
        store.add_prompt("a platypus stays")
        for text in ("xyzzyplugh one", "xyzzyplugh two", "xyzzyplugh\nthree", "see xyzzyplugh.txt"):
            asked = store.add(chat.id, Message("user", text), 0)
            answer = store.add(chat.id, Message("assistant", "", state="draft"), asked.id)
            store.keep(replace(answer, text=f"{text} xyzzyplughs", thinking="xyzzyplugh?", state="complete"))
        store.set_drafts(chat.id, [Draft("xyzzyplugh again")])
        store.keep_attachment(b"xyzzyplugh", "notes.txt", "text")
        file = store.keep_attachment(b"xyzzyplugh too", "xyzzyplugh.txt", "text")
        store.add(chat.id, Message("user", "this", attachments=(file,)), 0)
        assert any(b"xyzzyplugh" in path.read_bytes() for path in tmp_path.glob("history.db*"))
        store.delete(chat.id)
        assert not [path for path in tmp_path.glob("history.db*") if b"xyzzyplug" in path.read_bytes().lower()]
        assert not file.path.exists() and store.prompts() == ["a platypus stays"]
        assert [hit.chat.id for hit in store.search("platypus")] == [other.id]


DAMAGES = (
    "UPDATE message SET text = x'ff00fe', thinking = 3.5",
    "UPDATE message SET text = 7, role = x'00', state = 9, created = 'now'",
    "UPDATE message SET receipt = x'ff', pinned = 'yes', created = 9e999",
    "UPDATE chat SET title = x'ff', system = 5, model = 1.5",
    "UPDATE chat SET updated = 'yesterday', created = 9e999",
    "UPDATE chat SET updated = 1e15, created = -1e15",
    "UPDATE chat SET leaf = 'last'",
    "UPDATE prompt SET text = x'ff'",
    "UPDATE draft SET text = x'ff', attachments = '{}'",
    "UPDATE draft SET attachments = 'no list'",
    "UPDATE attachment SET name = x'ff', kind = 'film', width = 'wide', height = 2.5",
    "UPDATE blob SET size = 'large'",
    "UPDATE message SET parent = id",
    "UPDATE message SET parent = (SELECT max(id) FROM message)",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_history_with_wrong_values_can_still_be_read(tmp_path: Path, damage: str) -> None:
    with Store(tmp_path) as store:
        chat = store.new_chat("Bread")
        file = store.keep_attachment(b"flour", "flour.txt", "text")
        asked = store.add(chat.id, Message("user", "how much flour?", attachments=(file,)), 0)
        answer = store.add(chat.id, Message("assistant", "500 g", receipt=Receipt("m")), asked.id)
        store.add(chat.id, Message("user", "and water?"), answer.id)
        store.add_prompt("how much flour?")
        store.set_drafts(chat.id, [Draft("salt", (file,))])
    db = sqlite3.connect(tmp_path / "history.db")
    db.execute(damage)
    db.commit()
    db.close()
    with Store(tmp_path) as store:
        (found,) = store.chats()
        assert isinstance(found.title, str) and time.localtime(found.updated) and time.localtime(found.created)
        assert len(store.messages(chat.id)) == 3 and len(store.path(chat.id)) <= 3
        for message in store.messages(chat.id):
            assert isinstance(message.text, str) and time.localtime(message.created) and message.role in get_args(Role)
            ShownBranches().leaf(message.id, store.tree(chat.id))
        assert all(isinstance(prompt, str) for prompt in store.prompts())
        assert all(isinstance(draft.text, str) for draft in store.drafts(chat.id))
        store.listing("bread")
        store.search("flour")
        store.search("f(")
        exports.text_of(store, found, "html")
        exports.text_of(store, found, "json")
        store.delete(chat.id)


def test_a_chat_of_thousands_of_messages_can_be_shown_and_deleted(store: Store) -> None:
    with Store(None) as store:
        chat = ask(store, *map(str, range(3000)))
        assert [m.text for m in store.path(chat.id)] == list(map(str, range(3000)))
        store.delete(chat.id)
        assert store.search("2999") == []


def test_the_id_of_a_deleted_chat_is_not_reused(store: Store) -> None:
    chat = ask(store, "gone")
    store.delete(chat.id)
    assert store.new_chat("next").id > chat.id


def test_attachments_keep_their_order_and_content(store: Store) -> None:
    first = store.keep_attachment(b"first", "z.png", "image", 640, 480)
    second = store.keep_attachment(b"second", "a.png", "image", 3, 2)
    chat = store.new_chat("pictures")
    store.add(chat.id, Message("user", "both", attachments=(first, second, first)), 0)
    [message] = store.path(chat.id)
    assert message.attachments == (first, second, first)
    assert (second.width, second.height, second.name) == (3, 2, "a.png")
    assert [picture.path.read_bytes() for picture in message.attachments] == [b"first", b"second", b"first"]


def test_the_same_content_is_stored_once_under_each_name(store: Store) -> None:
    one, two = (
        store.keep_attachment(b"same", "one.png", "image", 1, 1),
        store.keep_attachment(b"same", "two.png", "image", 1, 1),
    )
    assert (one.name, two.name) == ("one.png", "two.png")
    assert one.path == two.path
    assert [file.name for file in one.path.parent.iterdir()] == [one.sha256]


def test_a_truncated_file_is_repaired_when_it_is_attached_again(store: Store) -> None:
    path = store.keep_attachment(b"whole", "x.png", "image", 1, 1).path
    path.write_bytes(b"who")
    assert store.keep_attachment(b"whole", "x.png", "image", 1, 1).path.read_bytes() == b"whole"


def test_a_file_that_is_not_sent_yet_survives_deleting_another_chat(store: Store) -> None:
    chat = ask(store, "gone")
    waiting = store.keep_attachment(b"waiting", "x.png", "image", 1, 1)
    store.delete(chat.id)
    assert waiting.path.read_bytes() == b"waiting"


def test_a_file_that_was_never_sent_is_deleted_after_a_day(store: Store, tmp_path: Path) -> None:
    forgotten = store.keep_attachment(b"forgotten", "x.png", "image", 1, 1)
    db = sqlite3.connect(tmp_path / "data" / "history.db")
    with db:
        db.execute("UPDATE blob SET held = held - 25 * 3600")
    db.close()
    store.delete(ask(store, "gone").id)
    assert not forgotten.path.exists()


def test_a_file_that_cannot_be_written_is_an_error(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data" / "pictures").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="LECHAT_HOME"):
        store.keep_attachment(b"x", "x.png", "image", 1, 1)


def test_a_private_chat_leaves_nothing_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(None) as store:
        picture = store.keep_attachment(b"private", "x.png", "image", 1, 1)
        chat = store.new_chat("private")
        store.add(chat.id, Message("user", "psst", attachments=(picture,)), 0)
        assert store.path(chat.id)[0].attachments[0].path.read_bytes() == b"private"
    assert not picture.path.parent.exists()
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_can_read_the_history(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Store(folder) as store:
        picture = store.keep_attachment(b"x", "x.png", "image", 1, 1)
        ask(store, "hello")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(picture.path.parent.stat().st_mode) == 0o700
        files = [*folder.glob("history.db*"), picture.path]
        assert len(files) == 4  # with the two that go along while it is open
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("capital", True),
        ("CAPITAL of", True),
        ("capi", True),
        ("apital", False),
        ("capital germany", False),
        ("cafe", True),
        ("l'école", True),
        ("c++", True),
        ("c#", False),
        ("print(", True),
        ("東京", True),
        ("🎉", True),
        ("??", False),
        ("?", True),
        ('"capital', True),
        ('"capital of"', True),
        ('"of capital"', False),
        ('"', False),
        ('" "', False),
        ("NOT capital", False),
        ("capital OR zebra", False),
        ("text:capital", False),
        ("", False),
        ("   ", False),
    ],
)
@pytest.mark.parametrize("full_text", [True, False])
def test_a_search_finds_what_was_meant(query: str, found: bool, full_text: bool) -> None:
    if not full_text and query == "apital":
        found = True  # without the index it is found in the middle of a word too
    with Store(None, connect=sqlite3.connect if full_text else without_fts5) as store:
        chat = ask(store, "The capital of France? A café, l'école, C++ and print(1), 私は東京に住む 🎉")
        assert [hit.message for hit in store.search(query)] == ([chat.leaf] if found else [])


@pytest.mark.parametrize("connect", [sqlite3.connect, without_fts5])
def test_a_hit_shows_the_match_in_its_context(connect: Callable[..., sqlite3.Connection]) -> None:
    with Store(None, connect=connect) as store:
        chat = ask(store, "before " * 80 + "the Café there " + "after " * 80)
        [hit] = store.search("cafe")
        assert hit.chat == chat
        assert [text for text, is_match in hit.pieces() if is_match] == ["Café"] and "the Café there" in hit.snippet
        assert len(hit.snippet) < 300


@pytest.mark.parametrize("connect", [sqlite3.connect, without_fts5])
def test_the_newest_hits_come_first_up_to_the_limit(connect: Callable[..., sqlite3.Connection]) -> None:
    with Store(None, connect=connect) as store:
        ids = [ask(store, f"needle {number}").leaf for number in range(5)]
        assert [hit.message for hit in store.search("needle", limit=3)] == ids[:1:-1]


@given(some.text(some.characters(exclude_categories=())), some.text())
def test_any_text_is_a_message_and_a_query(text: str, query: str) -> None:
    with Store(None) as store:
        chat = ask(store, text)
        assert store.path(chat.id)[0].text == store.path(chat.id)[0].text.encode().decode()
        store.search(query)
        store.search(text)
        store.chats(matching=query)
        store.add_prompt(text)


def test_lone_surrogates_are_stored_as_replacement_characters(store: Store) -> None:
    chat = store.new_chat("a\ud800", system="b\ud800", model="c\ud800")
    picture = store.keep_attachment(b"x", "d\udcff.png", "image", 1, 1)
    receipt = Receipt("e\ud800", file="f\udcff")
    message = store.add(chat.id, Message("user", "g\ud800", "h\ud800", (picture,), receipt=receipt), 0)
    store.keep(replace(message, text="i\ud800"))
    store.add_prompt("j\ud800")
    [kept] = store.path(chat.id)
    assert kept.receipt
    texts = (chat.title, chat.system, chat.model, kept.attachments[0].name, kept.receipt.model, kept.receipt.file)
    assert texts == ("a�", "b�", "c�", "d�.png", "e�", "f�")
    assert (kept.text, kept.thinking, store.prompts()) == ("i�", "h�", ["j�"])


def test_an_answer_is_found_only_when_it_is_finished(store: Store) -> None:
    chat = ask(store, "Hello")
    draft = store.add(chat.id, replace(DRAFT, text="Parisian"), chat.leaf)
    assert store.search("parisian") == []
    store.keep(replace(draft, text="Parisian cafés"))
    assert store.search("parisian") == []
    store.keep(replace(draft, text="Lyonnais", state="complete"))
    assert store.search("parisian") == []
    assert [hit.message for hit in store.search("lyonnais")] == [draft.id]


def test_an_answer_whose_program_died_is_interrupted_and_found(store: Store, tmp_path: Path) -> None:
    chat = ask(store, "Hello")
    draft = store.add(chat.id, DRAFT, chat.leaf)
    assert store.path(chat.id)[1].state == "draft"
    abandon(tmp_path / "data")
    assert store.path(chat.id)[1] == replace(draft, state="interrupted")
    assert [hit.message for hit in store.search("par")] == [draft.id]


def test_a_slow_program_can_finish_an_interrupted_answer(store: Store, tmp_path: Path) -> None:
    chat = ask(store, "Hello")
    draft = store.add(chat.id, DRAFT, chat.leaf)
    abandon(tmp_path / "data")
    store.path(chat.id)
    store.keep(replace(draft, text="Paris"))
    assert store.path(chat.id)[1].state == "draft"
    assert store.search("par") == []
    store.keep(replace(draft, text="Paris", state="complete"))
    assert len(store.search("par")) == 1


def test_an_unreadable_receipt_does_not_hide_the_answer(store: Store, tmp_path: Path) -> None:
    chat = ask(store, "Hello")
    answer = store.add(chat.id, Message("assistant", "Hi", receipt=Receipt("chaton")), chat.leaf)
    db = sqlite3.connect(tmp_path / "data" / "history.db")
    for written, read in [
        ('{"model": "chaton", "flavour": {"of": "tomorrow"}}', Receipt("chaton")),
        ('{"model": "chaton", "sampling": {"seed": "x"}}', None),
        ("{", None),
        ("", None),
    ]:
        with db:
            db.execute("UPDATE message SET receipt = ? WHERE id = ?", (written, answer.id))
        assert store.path(chat.id)[1] == replace(answer, receipt=read)
    db.close()


def test_prompts_are_stored_in_order_without_repeats(store: Store) -> None:
    for text in ["one", "two", "two", "  ", "one", "three\nlines"]:
        store.add_prompt(text)
    assert store.prompts() == ["one", "two", "one", "three\nlines"]
    assert store.prompts(limit=2) == ["one", "three\nlines"]


def test_a_store_is_safe_to_use_from_many_threads(store: Store) -> None:
    chat = store.new_chat("threads")

    def talk(name: int) -> None:
        for number in range(20):
            store.add(chat.id, Message("user", f"thread{name} {number}"), 0)
            store.path(chat.id)
            store.search("thread")

    threads = [threading.Thread(target=talk, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {len(store.search(f"thread{name}", limit=100)) for name in range(4)} == {20}


def test_programs_that_create_a_history_together_lose_nothing(tmp_path: Path) -> None:
    source = """
chat, parent = store.new_chat("talk"), 0
for number in range(25):
    question = store.add(chat.id, Message("user", f"question {number}"), parent)
    draft = store.add(chat.id, Message("assistant", "", state="draft"), question.id)
    store.keep(Message("assistant", f"answer {number}", id=draft.id))
    parent = draft.id
print(chat.id)
"""
    programs = [program(source, tmp_path) for _ in range(4)]
    tell(*programs)
    chats = [int(running.communicate()[0]) for running in programs]
    assert [running.returncode for running in programs] == [0, 0, 0, 0]
    with Store(tmp_path) as store:
        assert len(set(chats)) == 4
        expected = [text for number in range(25) for text in (f"question {number}", f"answer {number}")]
        for chat in chats:
            assert [message.text for message in store.path(chat)] == expected
        assert len(store.search("answer", limit=1000)) == 100


def test_an_older_history_is_migrated_once_by_several_programs(tmp_path: Path) -> None:
    for attempt in range(5):
        programs = [program("print(store.chats())", tmp_path / str(attempt)) for _ in range(3)]
        tell(*programs)
        assert [running.communicate()[0] for running in programs] == ["[]\n"] * 3


def test_two_programs_in_one_chat_each_add_a_branch(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        chat = ask(store, "the beginning")
        source = f"""
parent = {chat.leaf}
for number in range(30):
    parent = store.add({chat.id}, Message("user", f"message {{number}}"), parent).id
print(parent)
"""
        programs = [program(source, tmp_path) for _ in range(2)]
        tell(*programs)
        for leaf in [int(running.communicate()[0]) for running in programs]:
            store.set_leaf(chat.id, leaf)
            texts = [message.text for message in store.path(chat.id)]
            assert texts == ["the beginning", *(f"message {number}" for number in range(30))]


def test_a_program_killed_during_an_answer_keeps_what_arrived(tmp_path: Path) -> None:
    source = """
chat = store.new_chat("killed")
question = store.add(chat.id, Message("user", "count"), 0)
draft = store.add(chat.id, Message("assistant", "", state="draft"), question.id)
text = ""
for number in range(10**9):
    text += f"{number} "
    store.keep(Message("assistant", text, state="draft", id=draft.id))
    print(number, flush=True)
"""
    running = program(source, tmp_path)
    tell(running)
    assert running.stdout
    seen = [next(running.stdout) for _ in range(20)]
    running.kill()
    seen += running.communicate()[0].splitlines()
    abandon(tmp_path)
    with Store(tmp_path) as store:
        [chat] = store.chats()
        question, answer = store.path(chat.id)
        assert question.text == "count"
        assert answer.state == "interrupted"
        kept = answer.text.split()
        assert kept == [str(number) for number in range(len(kept))]
        assert len(kept) >= len(seen)


def test_each_migration_runs_completely_or_not_at_all() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    first = "CREATE TABLE a (x);\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a WHERE x = 1;\nEND;\n"
    schema.migrate(db, [first])
    broken = "ALTER TABLE a ADD COLUMN y;\nSELECT nonsense;\n"
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(db, [first, broken])
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert [row[1] for row in db.execute("PRAGMA table_info(a)")] == ["x"]
    schema.migrate(db, [first, "ALTER TABLE a ADD COLUMN y;\n", "ALTER TABLE a ADD COLUMN z;\n"])
    assert db.execute("PRAGMA user_version").fetchone() == (3,)
    assert [row[1] for row in db.execute("PRAGMA table_info(a)")] == ["x", "y", "z"]
    db.close()


def test_a_newer_history_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    db = sqlite3.connect(tmp_path / "history.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer lechat; update"):
        Store(tmp_path)


def test_a_history_can_move_to_an_sqlite_without_full_text_search_and_back(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ask(store, "needle one")
    with Store(tmp_path, connect=without_fts5) as store:
        ask(store, "needle two")
        assert len(store.search("needle")) == 2
    with Store(tmp_path) as store:
        ask(store, "needle three")
        assert len(store.search("needle")) == 3


def test_a_file_that_is_not_a_history_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"a shopping list, " * 100)
    with pytest.raises(StoreError, match=r"is damaged or is not from lechat.*--no-save"):
        Store(tmp_path)
    assert (tmp_path / "history.db").read_bytes() == b"a shopping list, " * 100


def test_a_damaged_history_is_an_error(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        chat = ask(store, *["some words"] * 50)
    content = bytearray((tmp_path / "history.db").read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    (tmp_path / "history.db").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), Store(tmp_path) as store:
        store.path(chat.id)


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"--no-save.*LECHAT_HOME"):
        Store(tmp_path / "file" / "data")
    with pytest.raises(StoreError, match=r"--no-save.*LECHAT_HOME"):
        Store(tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for root")
@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_folder_is_an_error(tmp_path: Path, exists: bool) -> None:
    if exists:
        Store(tmp_path).close()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match=r"--no-save.*LECHAT_HOME"):
            Store(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    def small(*given: object, **options: object) -> sqlite3.Connection:
        db: sqlite3.Connection = sqlite3.connect(*given, **options)  # type: ignore[call-overload]
        db.execute("PRAGMA max_page_count = 60")
        return db

    with Store(tmp_path, connect=small) as store:
        chat = ask(store, "before")
        with pytest.raises(StoreError, match="disk is full; free"):
            store.add(chat.id, Message("user", "x" * 500_000), chat.leaf)
        assert [message.text for message in store.path(chat.id)] == ["before"]
        store.add(chat.id, Message("user", "after"), chat.leaf)
    with Store(tmp_path) as store:
        assert [message.text for message in store.path(chat.id)] == ["before", "after"]


def test_a_history_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        chat = ask(store, "where is the flour?")
    (tmp_path / "history.db-wal").mkdir()  # as on a full disk, SQLite can't make this file
    with pytest.raises(StoreError):
        Store(tmp_path)
    with open_for_reading(tmp_path) as store:
        assert [found.id for found in store.chats()] == [chat.id]
        assert [message.text for message in store.path(chat.id)] == ["where is the flour?"]
        assert [hit.chat.id for hit in store.search("flour")] == [chat.id]
        with pytest.raises(StoreError, match="is read-only"):
            store.new_chat("another")
        with pytest.raises(StoreError, match="is read-only"):
            store.delete(chat.id)


def test_there_is_nothing_to_read_where_there_is_no_history(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        open_for_reading(tmp_path / "file")


def test_a_locked_history_is_an_error_in_the_end(tmp_path: Path) -> None:
    def impatient(*given: object, **options: object) -> sqlite3.Connection:
        db: sqlite3.Connection = sqlite3.connect(*given, **{**options, "timeout": 0.01})  # type: ignore[call-overload]
        return db

    with Store(tmp_path, connect=impatient) as store:
        chat = ask(store, "before")
        other = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="close it or try again"):
            store.add(chat.id, QUESTION, chat.leaf)
        assert [message.text for message in store.path(chat.id)] == ["before"]  # reading goes on
        other.close()
        store.add(chat.id, QUESTION, chat.leaf)


def test_a_history_that_is_just_being_created_is_waited_for(tmp_path: Path) -> None:
    refused = threading.Event()

    def watched(*given: object, **options: object) -> sqlite3.Connection:
        db: sqlite3.Connection = sqlite3.connect(*given, **{**options, "timeout": 0.01})  # type: ignore[call-overload]
        tries: list[str] = []

        def see(statement: str) -> None:
            tries.append(statement)
            if tries.count("PRAGMA journal_mode = WAL") == 2:
                refused.set()

        db.set_trace_callback(see)
        return db

    def release() -> None:
        assert refused.wait(30)
        other.execute("COMMIT")

    other = sqlite3.connect(tmp_path / "history.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    thread = threading.Thread(target=release)
    thread.start()
    with Store(tmp_path, connect=watched) as store:
        ask(store, "hello")
    thread.join()
    other.close()


def test_a_closed_history_is_an_error_and_can_be_closed_again(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.chats()


def test_the_list_of_chats_and_a_branch_are_read_by_index(store: Store, tmp_path: Path) -> None:
    ask(store, "Hello")
    db = sqlite3.connect(tmp_path / "data" / "history.db")
    for query in (
        "SELECT id, title FROM chat ORDER BY last DESC, id DESC LIMIT 100",
        "SELECT 1 FROM message WHERE chat = 1 AND state = 'draft' AND written < 1",
        "SELECT id FROM message WHERE chat = 1 AND parent IS NULL ORDER BY id",
    ):
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert "INDEX" in plan
        assert "TEMP B-TREE" not in plan
    db.close()


def test_a_late_draft_does_not_overwrite_the_finished_answer(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        chat = store.new_chat("t")
        draft = store.add(chat.id, Message("assistant", "on", state="draft"), 0)
        store.keep(replace(draft, text="one two", state="complete"))
        store.keep(replace(draft, text="one"))
        assert [(m.text, m.state) for m in store.path(chat.id)] == [("one two", "complete")]


def test_a_listing_is_sorted_and_filtered_by_title(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        titles = ("Été à Paris", "100% of it", "paris in spring", "a_b", "Rome")
        made = {title: store.new_chat(title).id for title in titles}
        assert list(store.listing().ids) == sorted(made.values(), reverse=True)
        assert [chat.title for chat in store.chats_of(store.listing("paris").ids)] == ["Été à Paris", "paris in spring"]
        assert list(store.listing("ete PARIS").ids) == [made["Été à Paris"]]
        assert list(store.listing("0% of").ids) == [made["100% of it"]]
        assert list(store.listing("a_b").ids) == [made["a_b"]]
        assert list(store.listing("été").ids) == [made["Été à Paris"]]
        assert store.chats_of([made["Rome"], 999]) == [store.chat(made["Rome"])]


def test_an_io_error_on_a_full_disk_is_called_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    with pytest.raises(StoreError, match="the disk is full; free some space"), store_errors(tmp_path):
        raise error
