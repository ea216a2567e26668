"""Any file of the program that is damaged or random is read, or refused in a sentence that names it; none is lost.

`LECHAT_FUZZED=10000` tries so many of each kind; `LECHAT_FUZZ_SEED=17` repeats one.
"""

import contextlib
import os
import random
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import gguf

from lechat_tui.engine import checksums
from lechat_tui.engine.base import EngineError, Unverified
from lechat_tui.engine.llama.sandbox import Sandbox
from lechat_tui.errors import LechatError
from lechat_tui.message import Message
from lechat_tui.models import catalog, journal
from lechat_tui.models import gguf as headers_of
from lechat_tui.models.headers import Headers
from lechat_tui.paths import bundled
from lechat_tui.settings import config
from lechat_tui.settings.choices import Choices
from lechat_tui.store import Store, StoreError, open_for_reading
from lechat_tui.talk import exports
from lechat_tui.ui.look import themes

FUZZED = int(os.environ.get("LECHAT_FUZZED", "50"))
"""Files of each kind to try."""
SEEDS = [int(os.environ["LECHAT_FUZZ_SEED"])] if "LECHAT_FUZZ_SEED" in os.environ else list(range(FUZZED))

CONFIG = b"""
text = "ministral-3-8b"
system = \"\"\"Be
brief\"\"\"
theme = "mistral-light"
stats = true
pictures = "blocks"
temperature = 0.5
top_k = 40
stop = ["END", "\\n"]
context = 4096
keep_warm = 5.5
kv_type = "q8_0"
lora = ["a.gguf:0.5"]
folders = ["~/models", "$HOME/x"]
[keys]
stop = "ctrl+x,f3"
"""
MODELS = b"""
[mine]
name = "Mine"
roles = ["text", "vision"]
weights = { file = "/m/a.gguf", bytes = 100, sha256 = "00" }
projector = { file = "/m/p.gguf" }
quants = [{ file = "/m/b.gguf", quant = "Q8_0" }]
shape = { layers = 2, kv_heads = 1, head_size = 8, embedding = 16, vocabulary = 100 }
thinking = ["<a>", "</a>"]
adapters = [{ file = "l.gguf", scale = 0.5 }]
temperature = 0.1
[other]
roles = ["code"]
repo = "who/what"
weights = { file = "b.gguf" }
context = 1000
pace = 10.0
"""
VALUES = (
    *("nan", "inf", "-inf", "1e999", "-1", "0", "18446744073709551616", "1" * 400, "0x7f", "1979-05-27", "07:32:00"),
    *('""', '"\\u0000"', '"\\U0010FFFF"', "''", "[]", "[[]]", "{}", "{a=1}", "true", '"nope"', '["a", 1]', "[" * 2000),
)


def mutated(content: bytes, dice: random.Random) -> bytes:
    """The content with bits flipped, bytes replaced, parts doubled or cut out, or its end cut off."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                data[at : at + 1] = dice.randbytes(dice.randrange(4))
            case 2:
                data[at:at] = data[at : at + dice.randrange(60)]
            case 3:
                del data[at : at + dice.randrange(30)]
            case 4 if dice.random() < 0.3:
                del data[at:]
            case _:
                data[at : at + 8] = dice.choice((b"\xff" * 8, bytes(8), b"\x7f\xff\xff\xff", b"\x01" + bytes(7)))
    return bytes(data)


def mutated_toml(content: bytes, dice: random.Random) -> bytes:
    """The table with other values, other keys, lines moved, or any of its bytes changed."""
    if dice.random() < 0.3:
        return mutated(content, dice)
    lines = content.decode().splitlines()
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(lines))
        key, _, value = lines[at].partition("=")
        kind = dice.randrange(5)
        if kind < 3:
            lines[at] = f"{key}= {dice.choice(VALUES)}"
        elif kind == 3:
            lines[at] = f"{mutated(key.encode(), dice).decode('utf-8', 'replace')}={value}"
        else:
            lines.insert(dice.randrange(len(lines)), lines.pop(at))
    return "\n".join(lines).encode("utf-8", "replace")


Read = Callable[[Path], object]


def read_header(file: Path) -> None:
    with contextlib.suppress(LechatError):
        headers_of.peek(file)
    headers_of.read_header(file)


def read_themes(file: Path) -> None:
    found = themes.read_themes(file.parent)
    for theme in found.known.values():
        themes.textual_theme(theme)
        theme.resolved(theme)
    if found.complaints:
        raise LechatError(*found.complaints)


KINDS: dict[str, tuple[bytes, Callable[[bytes, random.Random], bytes], Read]] = {
    "config.toml": (CONFIG, mutated_toml, config.load),
    "models.toml": (MODELS, mutated_toml, catalog.read),
    "mine.toml": ((bundled("themes") / "mistral-dark.toml").read_bytes(), mutated_toml, read_themes),
    "model.gguf": (gguf(name="x", template=True, pad=64, block_count=3, split__no=0), mutated, read_header),
}
"""A valid file of each kind, how it is damaged, and how it is read."""
PLACE = re.compile(r"at line \d+|end of document|nested too deeply|unknown key |must |key | is not a (color|file name)")
"""How a sentence says where in a file: by a line or a key."""


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_named(tmp_path, name):
    content, damage, read = KINDS[name]
    file = tmp_path / "folder" / name
    file.parent.mkdir()
    for seed in SEEDS:
        damaged = damage(content, random.Random(seed))
        file.write_bytes(damaged)
        label = f"LECHAT_FUZZ_SEED={seed}: {damaged[:500]!r}"
        try:
            read(file)
        except LechatError as error:
            sentence = str(error)
            assert name in sentence and len(sentence) < 600, f"{sentence}: {label}"
            assert name.endswith(".gguf") or PLACE.search(sentence.rpartition(name)[2]), f"{sentence}: {label}"
        except Exception as error:
            raise AssertionError(label) from error
        assert file.read_bytes() == damaged, label


CACHES: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "choices.json": (
        b'{"theme": {"value": "mistral-light", "instead_of": "mistral-dark"}, "keys": {"value": {"stop": "f3"}}}',
        lambda file: Choices(file.with_name("config.toml"), file).settings(),
    ),
    "headers.json": (
        b'{"version": 2, "files": {"/x": {"size": 1, "changed": 2, "whole": true, "header": {"architecture": "x"}}}}',
        lambda file: Headers(file).of(Path("/x")),
    ),
    "verified.json": (
        b'{"/x": [1, 2, "00"], "/y": [3, 4, "11"]}',
        lambda file: checksums.unverified([Unverified(Path("/x"), "00")], file),
    ),
    f"blob{journal.JOURNAL}": (
        b'{"repo": "a/b", "file": "c", "asked": "main", "commit": "d", "etag": "e", "size": 99}\n0 50\nsync 70\n',
        journal.read,
    ),
}
"""Files of the program's own, and how they are read: what is damaged counts as missing."""


@pytest.mark.parametrize("name", CACHES)
def test_a_damaged_cache_counts_as_missing(tmp_path, name):
    content, read = CACHES[name]
    for seed in SEEDS:
        (tmp_path / name).write_bytes(damaged := mutated(content, random.Random(seed)))
        try:
            read(tmp_path / name)
        except Exception as error:
            raise AssertionError(f"LECHAT_FUZZ_SEED={seed}: {damaged!r}") from error


@pytest.fixture(scope="session")
def history(tmp_path_factory) -> bytes:
    """A history with a chat of two branches, an attachment, a draft and a prompt."""
    folder = tmp_path_factory.mktemp("history")
    with Store(folder) as store:
        chat = store.new_chat("a chat", system="be brief", model="chaton")
        file = store.keep_attachment(b"tea", "tea.txt", "text")
        question = store.add(chat.id, Message("user", "where is the plum?" * 50, attachments=(file,)), 0)
        for answer in ("in the fridge", "on the tree"):
            store.add(chat.id, Message("assistant", answer, thinking="hm"), question.id)
        store.add_prompt("where is the plum?")
    with sqlite3.connect(folder / "history.db") as db:
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    return (folder / "history.db").read_bytes()


def test_a_damaged_history_is_read_or_refused_and_stays(tmp_path, history):
    for seed in SEEDS[: len(SEEDS) // 5 + 1]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "history.db").write_bytes(mutated(history, random.Random(seed)))
        try:
            with contextlib.suppress(StoreError), open_for_reading(folder) as store:
                use(store)
            with contextlib.suppress(StoreError), Store(folder) as store:
                use(store)
                store.add(store.new_chat("another").id, Message("user", "hi"), 0)
        except Exception as error:
            raise AssertionError(f"LECHAT_FUZZ_SEED={seed}") from error
        assert (folder / "history.db").is_file()
        shutil.rmtree(folder)


def use(store: Store) -> None:
    """Read all that there is to read."""
    store.latest(), store.prompts(), store.listing(), store.search("plum"), store.drafts(0)
    for chat in store.chats():
        store.path(chat.id), store.messages(chat.id), store.tree(chat.id)
        exports.text_of(store, chat, "json"), exports.text_of(store, chat, "md")
        time.localtime(chat.updated)


TEMPLATE = """
{{ bos_token }}{% if messages[0]["role"] == "system" %}{% set system = messages[0]["content"] %}{% endif %}
{%- for message in messages %}{% if message.role == "user" %}{{ "[INST]" + message["content"] + "[/INST]" }}
{%- elif message.role == "assistant" %}{{ message.content|trim ~ eos_token }}
{%- else %}{{ raise_exception("no") }}{% endif %}{% endfor %}
{{ {"a": [1, 2]}|tojson(indent=2) }}{{ strftime_now("%Y") }}{{ messages|selectattr("role")|list|length }}
"""
PIECES = (
    "*10**9", "~x*99", "|list", "|join(messages)", "|map('upper')", "|sort", "|tojson", ".__class__",
    "|attr('format')", "[0]", "range(10**8)", "cycler(1)", "namespace(a=1)", "joiner()", "'%1000000000d'",
    "{% macro f() %}", "{% endmacro %}", "{{ f() }}", "{% for a in messages recursive %}", "{% endfor %}", "{% if",
    "%}", "{{", "}}", "{#", "{% break %}", "{% include 'x' %}", "\0", "{% set x = x ~ x %}", "loop.index",
    "caller()", "self", "-1", "not in", "is defined", "|batch(2)", "|indent(10**9)", "varargs",
)  # fmt: skip


def test_a_damaged_chat_template_is_rendered_or_refused():
    rows = [{"role": "user", "content": "hi" * 40}, {"role": "assistant", "content": "ho"}]
    for seed in SEEDS:
        dice = random.Random(seed)
        words = re.split(r"(\W)", TEMPLATE)
        for _ in range(dice.randrange(1, 6)):
            words[dice.randrange(len(words))] = dice.choice((dice.choice(PIECES), dice.choice(words), ""))
        began = time.process_time()
        try:
            Sandbox("".join(words)).render(rows, bos_token="<s>", eos_token="</s>", add_generation_prompt=True)
        except EngineError as error:
            assert "chat template" in str(error) and "\n" not in str(error) and len(str(error)) < 500, seed
        except BaseException as error:
            raise AssertionError(f"LECHAT_FUZZ_SEED={seed}: {''.join(words)!r}") from error
        assert time.process_time() - began < 10, seed
