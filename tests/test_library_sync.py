"""A library follows its folders, and `lechat library` shows what is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Lechat, caller

from lechat_tui.documents.model import Document, Page
from lechat_tui.library import names
from lechat_tui.library.background import Synchronizer
from lechat_tui.library.excerpts import excerpt
from lechat_tui.library.store import Library
from lechat_tui.library.sync import add_sources, sync


@pytest.fixture
def lechat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lechat:
    return caller(tmp_path, monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two notes, and what is no document."""
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "zebras.md").write_text("# Zebras\n\nZebras graze in herds.\n")
    (folder / "deep" / "lions.txt").write_text("Lions sleep twenty hours a day.\n")
    (folder / ".hidden.md").write_text("Zebras hide.")
    (folder / "ignored.md").write_text("Zebras are ignored.")
    (folder / ".gitignore").write_text("ignored.md\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def test_a_library_is_made_searched_listed_and_removed(lechat, folder):
    assert lechat("library", "new", "animals", str(folder)).stderr == "animals: 2 documents added\n"
    found = lechat("library", "search", "animals", "who is grazing?", "--json")
    row = json.loads(found.stdout)[0]
    assert (row["path"], row["page"], row["heading"]) == (str(folder / "zebras.md"), 1, "Zebras")
    assert row["text"] == (folder / "zebras.md").read_text()[row["start"] : row["end"]]
    assert "Zebras graze in herds." in lechat("library", "search", "animals", "grazing").stdout
    assert lechat("library", "search", "animals", "--all", "hours").stderr == "1 passage in 1 document\n"
    assert "2 documents, 2 passages" in lechat("library").stdout
    assert str(folder / "deep" / "lions.txt") in lechat("library", "ls", "animals").stdout
    assert lechat("library", "rm", "animals", str(folder)).stderr == "animals: 2 documents removed\n"
    assert "use --yes" in lechat("library", "rm", "animals").stderr
    assert lechat("library", "rm", "animals", "-y").returncode == 0
    assert (folder / "zebras.md").exists() and "there is no library" in lechat("library").stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("new", "../x"), "can't be the name of a library"),
        (("new", "x", "missing"), "there is no file or folder missing; nothing was added"),
        (("search", "x", "y"), "there is no library x; lechat library new NAME FOLDER makes one"),
        (("status", "x"), "there is no library x"),
        (("rm", "x", "-y"), "there is no library x"),
    ],
)
def test_a_wrong_call_is_one_sentence(lechat, words, sentence):
    result = lechat("library", *words)
    assert sentence in result.stderr and result.stderr.count("\n") == 1 and result.returncode == 1
    assert "there is no library" in lechat("library").stderr


def test_only_what_changed_is_read_again(tmp_path, folder):
    with Library(tmp_path / "l.db") as library:
        add_sources(library, [folder])
        assert sync(library).counts == {"added": 2}
        times = {entry.path: entry.added for entry in library.documents()}
        (folder / "zebras.md").write_text("Zebras run.\n")
        os.utime(folder / "deep" / "lions.txt", (1, 1))
        (folder / "new.py").write_text("print('giraffe')\n")
        assert sync(library).counts == {"changed": 1, "unchanged": 1, "added": 1}
        assert library.search("graze") == [] and library.search("giraffe")
        assert {entry.path: entry.added for entry in library.documents()}[
            str(folder / "deep" / "lions.txt")
        ] in times.values()
        (folder / "zebras.md").unlink()
        assert sync(library).counts == {"removed": 1, "unchanged": 2}
        library.add(Document("loose.md", "text", (Page(1, "Added by hand."),)), "loose.md")
        assert sync(library).counts == {"unchanged": 2}
        folder.rename(tmp_path / "away")
        report = sync(library)
        assert report.missing == (str(folder),) and not report.is_changed
        assert library.totals().documents == 3


def test_a_file_that_cannot_be_read_is_reported_and_tried_again(lechat, folder):
    (folder / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (folder / "latin.txt").write_bytes(b"caf\xe9 " * 100)
    (folder / "blank.txt").write_text(" \n")
    made = lechat("library", "new", "animals", str(folder))
    assert "3 documents added, 2 files could not be read" in made.stderr
    status = json.loads(lechat("library", "status", "animals", "--json").stdout)
    assert (
        status["empty"] == [str(folder / "blank.txt")]
        and "without text" in lechat("library", "status", "animals").stdout
    )
    unreadable = status["unreadable"]
    assert "save it as DOCX" in unreadable[str(folder / "old.doc")]
    assert "save it as UTF-8" in unreadable[str(folder / "latin.txt")]
    (folder / "latin.txt").write_text("café " * 100)
    assert "1 document changed, 1 file could not be read" in lechat("library", "sync", "animals").stderr


def test_a_library_is_brought_up_to_date_in_the_background(lechat, folder, caplog):
    lechat("library", "new", "animals", str(folder))
    (folder / "giraffes.md").write_text("Giraffes eat leaves.")
    background = Synchronizer()
    background.start(["animals", "gone"])
    background.wait(20)
    with names.find("animals") as library:
        assert library.search("giraffes")
    assert [record.message.split(" was not")[0] for record in caplog.records] == ["the library gone"]
    background.stop()
    (folder / "giraffes.md").unlink()
    background.start(["animals"], again=True)
    background.wait(20)
    with names.find("animals") as library:
        assert library.search("giraffes")


KILLED = """
import sys
from pathlib import Path
from lechat_tui.library import sync
from lechat_tui.library.store import Library
with Library(Path(sys.argv[1])) as library:
    sync.add_sources(library, [Path(sys.argv[2])])
    sync.sync(library, progress=lambda file, done, total: print(done, flush=True))
"""


def test_a_kill_loses_at_most_the_document_that_is_being_read(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03}.txt").write_text(f"Document {number} about zebras. " * 200)
    file = tmp_path / "l.db"
    child = subprocess.Popen([sys.executable, "-c", KILLED, file, folder], stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if int(line) >= 10:
            break
    child.kill()
    seen = [int(line) for line in child.communicate()[0].split()]
    done = max([10, *seen])
    with Library(file) as library:
        assert done <= library.totals().documents <= done + 1 < 150
        for table in ("words", "terms"):
            with library.reading() as db:
                db.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        assert library.matches("zebras").count == library.totals().passages
        kept = library.totals().documents
        assert sync(library).counts == {"unchanged": kept, "added": 150 - kept}


def test_an_excerpt_shows_the_words_of_the_question():
    body = "filler " * 200 + "the zebra grazes here " + "filler " * 200
    assert "zebra grazes" in excerpt(body, "Where do zebra graze?", 120)
    assert excerpt("short\n\nbody", "x", 100) == "short body"
