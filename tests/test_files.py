"""Copies, saved code, and exported and imported chats."""

import json
import os
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from test_commands import FakeHost, host_of

from lechat_tui import clipboard
from lechat_tui.cli import history
from lechat_tui.commands.files import FileError, path_and_format, user_path
from lechat_tui.message import Message, Receipt, Sampling
from lechat_tui.models.available import Models
from lechat_tui.store import Chat, Store
from lechat_tui.talk import exports
from lechat_tui.talk.exports import ExportError


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def desktop(folder: Path, **variables: str) -> dict[str, str]:
    return {"PATH": f"{folder}:/usr/bin:/bin", **variables}


def host_with(store: Store, models: Models, answer: str, *answers: str | None) -> FakeHost:
    host = host_of(store, models, *answers)
    chat = store.new_chat("Bread & <b>", model="petit")
    question = store.add(chat.id, Message("user", "how?\n<i>"), 0)
    store.add(chat.id, Message("assistant", answer, receipt=Receipt("petit", sampling=Sampling(seed=7))), question.id)
    host.conversation.open(store.chat(chat.id))
    return host


# The clipboard


def test_a_desktop_program_takes_a_copy_and_nothing_is_sent_to_the_terminal(tmp_path: Path) -> None:
    program(tmp_path / "bin", "xclip", f'cat > "{tmp_path}/taken"')
    sent: list[str] = []
    assert clipboard.copy("été", sent.append, desktop(tmp_path / "bin", DISPLAY=":0")) == "copied with xclip"
    assert (tmp_path / "taken").read_text() == "été" and not sent


def test_a_failing_clipboard_program_leaves_the_copy_to_the_terminal(tmp_path: Path) -> None:
    program(tmp_path / "bin", "wl-copy", "exit 1")
    sent: list[str] = []
    sentence = clipboard.copy("text", sent.append, desktop(tmp_path / "bin", WAYLAND_DISPLAY="w"))
    assert sentence.startswith("sent to the terminal's clipboard") and "copied" not in sentence
    assert sent == ["\x1b]52;c;dGV4dA==\a"]


def test_tmux_takes_a_copy_into_its_buffer(tmp_path: Path) -> None:
    program(tmp_path / "bin", "tmux", f'echo "$@" > "{tmp_path}/called"; cat > "{tmp_path}/taken"')
    assert clipboard.copy("text", pytest.fail, desktop(tmp_path / "bin", TMUX="x")).startswith("copied to tmux")
    assert (tmp_path / "called").read_text() == "load-buffer -w -\n" and (tmp_path / "taken").read_text() == "text"


def test_a_copy_too_long_for_the_terminal_is_not_sent_and_a_file_is_suggested(tmp_path: Path) -> None:
    sent: list[str] = []
    sentence = clipboard.copy("é" * 40_000, sent.append, desktop(tmp_path))
    assert (
        sentence.startswith("not copied: the text has 80.0 kB, terminals accept 75.0 kB")
        and "/save answer PATH" in sentence
    )
    assert not sent
    clipboard.copy("x" * clipboard.MAX_OSC52_BYTES, sent.append, desktop(tmp_path))
    assert len(sent[0]) <= 100_000


def test_the_sequence_is_wrapped_for_tmux_and_screen() -> None:
    plain = "\x1b]52;c;dGV4dA==\a"
    assert clipboard.osc52("text", {"TERM": "xterm-256color", "SSH_CONNECTION": "x"}) == plain
    wrapped = clipboard.osc52("text", {"TERM": "tmux-256color"})
    assert wrapped == plain + "\x1bPtmux;\x1b\x1b]52;c;dGV4dA==\a\x1b\\"
    pieces = clipboard.osc52("x" * 1000, {"STY": "1.pts", "TERM": "screen"}).split("\x1b\\")
    assert all(piece.startswith("\x1bP") and len(piece) <= clipboard.SCREEN_CHUNK_BYTES + 2 for piece in pieces[:-1])
    joined = "".join(piece.removeprefix("\x1bP") for piece in pieces)
    assert b64decode(joined.removeprefix("\x1b]52;c;").removesuffix("\a")) == b"x" * 1000


def test_an_image_on_the_clipboard_is_preferred_to_text(tmp_path: Path) -> None:
    environment = desktop(tmp_path / "bin", DISPLAY=":0")
    assert clipboard.read(environment) is None
    program(tmp_path / "bin", "xclip", 'case "$*" in *image*) exit 1;; *) printf words;; esac')
    assert clipboard.read(environment) == b"words"
    program(tmp_path / "bin", "xclip", 'case "$*" in *image*) printf PNG;; *) printf words;; esac')
    assert clipboard.read(environment) == b"PNG"


@pytest.mark.parametrize(
    ("name", "script"),
    [("pngpaste", "printf PNG"), ("osascript", "echo '«data PNGf504E47»'"), ("pbpaste", "printf PNG")],
)
def test_a_mac_gives_an_image_or_text(name: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    program(tmp_path / "bin", name, script)
    assert clipboard.read(desktop(tmp_path / "bin")) == b"PNG"
    assert clipboard.read(desktop(tmp_path / "bin", SSH_CONNECTION="x")) is None


# /save


CODE = "Here:\n\n```python\nx = 1\n```\nand\n```sh\npwd\n```\n"


async def test_code_is_saved_to_the_path_that_was_typed(store: Store, models: Models, tmp_path: Path) -> None:
    host = host_with(store, models, CODE)
    assert await host.do(f"/save 2 {tmp_path}/run.sh") == f"saved to {tmp_path}/run.sh (4 bytes)"
    assert (tmp_path / "run.sh").read_text() == "pwd\n"
    assert await host.do(f"/save 2 {tmp_path}/run.sh") == f"{tmp_path}/run.sh already has exactly this content"
    await host.do(f"/save answer '{tmp_path}/all of it.md'")
    assert (tmp_path / "all of it.md").read_text() == CODE
    assert await host.do(f"/save 3 {tmp_path}/x") == "the last answer has code blocks 1 to 2"
    assert (await host.do("/save 1")).startswith("/save N PATH saves code block N")
    assert not (tmp_path / "x").exists()


async def test_an_existing_file_is_replaced_only_after_a_diff_and_a_yes(
    store: Store, models: Models, tmp_path: Path
) -> None:
    file = tmp_path / "x.py"
    file.write_text("x = 0\n")
    file.chmod(0o700)
    host = host_with(store, models, CODE, "no", "yes")
    assert await host.do(f"/save 1 {file}") == "nothing was written"
    changes = "--- x.py\n+++ x.py, new\n@@ -1 +1 @@\n-x = 0\n+x = 1"
    assert host.questions == [f"{changes}\n\nReplace {file}?"] and file.read_text() == "x = 0\n"
    await host.do(f"/save 1 {file}")
    assert file.read_text() == "x = 1\n" and file.stat().st_mode & 0o777 == 0o700


async def test_a_folder_is_created_only_after_a_yes(store: Store, models: Models, tmp_path: Path) -> None:
    host = host_with(store, models, CODE, "no", "yes")
    assert await host.do(f"/save 1 {tmp_path}/new/x.py") == "nothing was written"
    assert not (tmp_path / "new").exists()
    await host.do(f"/save 1 {tmp_path}/new/x.py")
    assert (tmp_path / "new" / "x.py").read_text() == "x = 1\n"


async def test_a_file_that_cannot_be_written_is_an_error(store: Store, models: Models, tmp_path: Path) -> None:
    host = host_with(store, models, CODE, "yes", "yes")
    (tmp_path / "file").write_text("a file")
    os.mkfifo(tmp_path / "pipe")
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "pipe", "not a regular file")):
        with pytest.raises(FileError, match=words):
            await host.do(f"/save 1 {path}")
    with pytest.raises(FileError, match=r"can't be (read|written): Not a directory"):
        await host.do(f"/save 1 {tmp_path}/file/x.py")
    with pytest.raises(FileError, match="is not a path"):
        user_path("~nobody-of-that-name/x")


# /export


def test_the_format_is_the_named_one_or_that_of_the_suffix() -> None:
    assert path_and_format("") == ("", "md") and path_and_format("json") == ("", "json")
    assert path_and_format("a b.html") == ("a b.html", "html") and path_and_format("x.txt html") == ("x.txt", "html")


async def test_a_chat_is_exported_as_markdown(store: Store, models: Models, tmp_path: Path) -> None:
    host = host_with(store, models, "**so**")
    await host.do(f"/export {tmp_path}/bread.md")
    assert (tmp_path / "bread.md").read_text() == "# Bread & <b>\n\n## You\n\nhow?\n<i>\n\n## petit\n\n**so**\n"


async def test_a_default_path_is_written_only_after_a_yes(
    store: Store, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = host_with(store, models, "so", "no", "yes")
    await host.do("/export html")
    assert not (tmp_path / "bread-b.html").exists()
    await host.do("/export html")
    assert (tmp_path / "bread-b.html").read_text().startswith("<!doctype html>")


def test_an_html_page_links_only_to_the_web_and_to_mail(store: Store) -> None:
    chat = store.new_chat("links")
    linked = "[a](https://a.b) [b](http://a.b) <mailto:c@d.e> <c@d.e>"
    others = "[x](ssh://a.b) [x](vscode://a) [x](ms-msdt:/id) [x](file:///etc) [x](javascript:a) [x](//a) <tel:1>"
    store.add(chat.id, Message("assistant", f"{linked} {others}"), 0)
    page = exports.text_of(store, chat, "html")
    assert re.findall(r'href="([^"]+)"', page) == ["https://a.b", "http://a.b", "mailto:c@d.e", "mailto:c@d.e"]


def test_an_html_page_runs_and_loads_nothing(store: Store, models: Models) -> None:
    hostile = (
        "<script>alert(1)</script>\n\n![x](https://example.com/spy.png)\n\n[y](javascript:alert(1))\n\n"
        "```\n</pre><img src=x onerror=alert(1)>\n```"
    )
    conversation = host_with(store, models, hostile).conversation
    assert conversation.chat
    page = exports.text_of(store, conversation.chat, "html")
    assert "<script" not in page and "<img" not in page and 'href="javascript' not in page
    assert "<title>Bread &amp; &lt;b&gt;</title>" in page and "how?\n&lt;i&gt;" in page
    assert "--background: #161311" in page


def test_json_keeps_branches_receipts_and_attachments(store: Store, models: Models) -> None:
    conversation = host_with(store, models, "first").conversation
    chat = conversation.chat
    assert chat
    out = BytesIO()
    Image.new("RGB", (3, 2), "red").save(out, "PNG")
    picture = store.keep_attachment(out.getvalue(), "red.png", "image", 3, 2)
    store.add(chat.id, Message("assistant", "second", thinking="hm", state="cut", attachments=(picture,)), 1)
    written = exports.text_of(store, store.chat(chat.id) or chat, "json").encode()
    with Store(None) as other:
        back = exports.import_chat(other, exports.from_json(written))
        mine, theirs = store.messages(chat.id), other.messages(back.id)
        assert theirs == [replace(m, attachments=n.attachments) for m, n in zip(mine, theirs, strict=True)]
        assert [m.text for m in other.path(back.id)] == ["how?\n<i>", "second"]
        (copy,) = other.path(back.id)[-1].attachments
        assert copy.path.read_bytes() == out.getvalue()
        assert (back.title, back.created) == (chat.title, chat.created)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a chat that lechat exported"),
        (b"[" * 100_000, "not a chat that lechat exported"),
        (b'{"mapping": {}}', "not a chat that lechat exported"),
        (b"\xff", "not a chat that lechat exported"),
        (None, "the parent of message"),
    ],
)
def test_other_json_is_refused(content: bytes | None, words: str) -> None:
    loop = [Message("user", "x", id=1, parent=2), Message("assistant", "y", id=2, parent=1)]
    chat = Chat(1, "t", 0, 0, 2, "", "")
    with pytest.raises(ExportError, match=words):
        exports.from_json(content if content is not None else exports.as_json(chat, loop).encode())


def test_an_image_that_cannot_be_decoded_is_replaced_by_its_name(store: Store, tmp_path: Path) -> None:
    chat = store.new_chat("t")
    picture = store.keep_attachment(b"\x89PNG no picture", "bad.png", "image", 3, 2)
    store.add(chat.id, Message("user", "look", attachments=(picture,)), 0)
    back = exports.import_chat(store, exports.from_json(exports.text_of(store, chat, "json").encode()))
    assert [(m.text, m.attachments) for m in store.path(back.id)] == [("(image bad.png, lost)\n\nlook", ())]


def test_an_attached_text_file_is_in_every_export_and_comes_back(store: Store) -> None:
    chat = store.new_chat("notes")
    notes = store.keep_attachment("Été <b>".encode("utf-16"), "notes.txt", "text")
    store.add(chat.id, Message("user", "sum up", attachments=(notes,)), 0)
    assert "notes.txt:\n```\nÉté <b>\n```\n\nsum up" in exports.text_of(store, chat, "md")
    assert "<summary>notes.txt</summary><pre>Été &lt;b&gt;</pre>" in exports.text_of(store, chat, "html")
    with Store(None) as other:
        back = exports.import_chat(other, exports.from_json(exports.text_of(store, chat, "json").encode()))
        (copy,) = other.path(back.id)[0].attachments
        assert (copy.name, copy.kind, copy.size) == ("notes.txt", "text", notes.size)
        assert copy.path.read_bytes() == notes.path.read_bytes()


def test_json_of_the_first_version_is_read_with_its_pictures(store: Store) -> None:
    out = BytesIO()
    Image.new("RGB", (3, 2), "red").save(out, "PNG")
    picture = {"sha256": "", "name": "red.png", "width": 3, "height": 2, "content": b64encode(out.getvalue()).decode()}
    message = {"id": 1, "parent": 0, "role": "user", "text": "look", "pictures": [picture]}
    chat = {"title": "t", "leaf": 1, "created": 1, "updated": 1, "system": "", "model": "", "messages": [message]}
    written = json.dumps({**chat, "format": "lechat-chat", "version": 1}).encode()
    back = exports.import_chat(store, exports.from_json(written))
    (copy,) = store.path(back.id)[0].attachments
    assert (copy.name, copy.kind, copy.width) == ("red.png", "image", 3)


def test_the_command_line_exports_and_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    with Store(tmp_path / "home" / "data") as store:
        chat = store.new_chat("Bread")
        store.add(chat.id, Message("user", "how?"), 0)
    history.export(str(chat.id), "md", None, force=False)
    assert capsys.readouterr().out == "# Bread\n\n## You\n\nhow?\n"
    file = tmp_path / "bread.json"
    history.export(str(chat.id), "json", file, force=False)
    with pytest.raises(ExportError, match="already exists; --force overwrites it"):
        history.export(str(chat.id), "json", file, force=False)
    history.import_chat(file)
    assert capsys.readouterr().out == "     2  Bread\n"
    for path, words in ((tmp_path, "is not a regular file"), (tmp_path / "none", "cannot read .*: No such file")):
        with pytest.raises(ExportError, match=words):
            history.import_chat(path)


def test_a_chat_exported_by_an_earlier_version_keeps_its_sampling(store: Store) -> None:
    receipt = {"model": "petit", "temperature": 0.7, "seed": 9, "max_tokens": None}
    message = {"id": 1, "parent": 0, "role": "assistant", "text": "Hi", "receipt": receipt}
    chat = {"title": "t", "leaf": 1, "created": 1, "updated": 1, "system": "", "model": "petit", "messages": [message]}
    saved = exports.from_json(json.dumps({**chat, "format": exports.KIND, "version": exports.VERSION}).encode())
    assert saved.messages[0].receipt == Receipt("petit", sampling=Sampling(0.7, seed=9))
