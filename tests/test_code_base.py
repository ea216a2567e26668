"""Rules about the source: sizes, the files that the documentation names, the words that users read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "lechat_tui").rglob("*.py"))
MAX_METHODS = 40
MAX_LINES = 450
TOO_LARGE: frozenset[str] = frozenset()
"""Classes and files that are over a limit today; nothing may be added."""
PRIVATE_IDIOM = re.compile(r"\b(told|said of|laid over|lay over|eyes|goes on|drawn again|draw again)\b", re.IGNORECASE)
"""Words that this code base once used in a sense of its own."""
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")])


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_no_class_has_too_many_methods() -> None:
    found = {
        f"{name_of(file)}:{node.name}"
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        and sum(isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) for part in node.body) > MAX_METHODS
    }
    assert found <= TOO_LARGE


def test_no_file_is_too_long() -> None:
    found = {name_of(file) for file in SOURCES if len(file.read_text("utf-8").splitlines()) > MAX_LINES}
    assert found <= TOO_LARGE


def test_every_file_that_the_architecture_names_exists_once() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for name in set(re.findall(r"`?([\w./]+\.(?:py|tcss))\b", text)):
        places = [place for place in (ROOT / name, ROOT / "lechat_tui" / name) if place.exists()]
        if not places and "/" not in name:
            places = [file for file in SOURCES if file.name == name]
        assert len(places) == 1, f"docs/architecture.md names {name}, of which there are {len(places)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"\w+://", target):
            continue
        path, _, heading = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{name_of(document)} links to {target}"
        if heading:
            assert heading in set(anchors(file)), f"{name_of(document)} links to {target}"


def anchors(file: Path) -> Iterator[str]:
    """The headings of a Markdown file, as GitHub makes anchors of them."""
    for heading in re.findall(r"^#+ +(.+)$", file.read_text("utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_users_read_plain_english() -> None:
    found = [
        f"{name_of(file)}: {text}"
        for file in [*SOURCES, *DOCUMENTS, ROOT / "models.toml"]
        for text in (strings(file) if file.suffix == ".py" else file.read_text("utf-8").splitlines())
        if PRIVATE_IDIOM.search(text)
    ]
    assert found == []


def strings(file: Path) -> Iterator[str]:
    """The string constants of a module that are not docstrings, those in f-strings included."""
    tree = ast.parse(file.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_the_command_line_prints_in_one_place() -> None:
    found = [
        f"{name_of(file)}:{node.lineno}"
        for file in SOURCES
        if file.parent.name == "cli" and file.name != "printing.py"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    ]
    assert not found, "cli/printing.py keeps escapes from the terminal"
