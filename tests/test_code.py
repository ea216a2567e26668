"""Code is highlighted in the languages people use, and no text takes long."""

import time
from dataclasses import fields

import pytest
from pygments.lexers import get_all_lexers, get_lexer_by_name
from rich.style import Style

from lechat_tui.drawing import code
from lechat_tui.drawing.code import LANGUAGES, code_rows
from lechat_tui.drawing.rows import Look, plain

STYLES = {field.name: Style.null() for field in fields(Look) if field.name not in ("syntax", "numbered")}
LOOK = Look(**STYLES, syntax={"keyword": Style(bold=True), "comment": Style(italic=True)})  # type: ignore[arg-type]


def rendered(text: str, language: str) -> list[str]:
    return [plain(row.runs)[1:].rstrip() for row in code_rows(text, language, 60, LOOK)]


def styles(text: str, language: str) -> list[tuple[str, bool]]:
    """The runs of the first row with whether they are bold."""
    row = next(iter(code_rows(text, language, 60, LOOK)))
    return [(run.strip(), bool(style.bold)) for run, style in row.runs if run.strip()]


def test_keywords_are_styled_and_every_character_stays() -> None:
    assert ("def", True) in styles("def f(x):\n    return x\n", "python")
    assert rendered("def f(x):\n\n    return x  # é\n", "py") == ["def f(x):", "", "    return x  # é"]


@pytest.mark.parametrize("language", ["", "nonsense", "mcschema", "xpp", "matlab"])
def test_code_in_other_languages_stays_plain(language: str) -> None:
    assert styles("def f", language) == [("def f", False)]


def test_every_language_is_one_of_pygments_by_its_first_alias() -> None:
    assert all(get_lexer_by_name(name).aliases[0] == name for name in LANGUAGES)
    assert len(LANGUAGES) > 100


@pytest.mark.parametrize("text", ["a\n", "<!--\n", "0"])
def test_nonsense_in_any_language_takes_no_longer_than_its_budget(text: str) -> None:
    started = time.thread_time()
    for _, names, *_ in get_all_lexers():
        if names and (names[0] in LANGUAGES or names[0] in ("mcschema", "xpp", "csharp", "sas")):
            assert len(rendered((text * 8000)[:1000], names[0])) >= 1
    assert time.thread_time() - started < 150 * code.MAX_SECONDS


def test_what_is_not_highlighted_in_time_is_shown_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "MAX_SECONDS", 0.0)
    text = "".join(f"def f{n}(x): return {n}\n" for n in range(30))
    assert rendered(text, "python") == text.splitlines()


def test_a_very_long_line_stays_plain() -> None:
    assert "".join(rendered("return " * 100, "python")).replace(" ", "") == "return" * 100
    assert not any(bold for _, bold in styles("return " * 100, "python"))
