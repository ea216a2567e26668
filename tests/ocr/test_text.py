"""What is done with the text of a page: loops, halves, comparison with the PDF, pictures."""

import pytest

from lechat_tui.talk.ocr.text import cleaned, compared, joined, parrots, unlooped, with_pictures

PAGE = "The cat sat on the mat. It was a gray cat, and the mat was red.\n"
TABLE = "\n".join(f"| {n} | {n * n} | {n % 7} |" for n in range(300))


@pytest.mark.parametrize(
    ("text", "once"),
    [
        (PAGE + "I am a loop. " * 60, PAGE + "I am a loop. "),
        (PAGE + f"{PAGE}{TABLE[:700]}\n" * 3, PAGE + f"{PAGE}{TABLE[:700]}\n"),
        (PAGE + "ha" * 400, PAGE + "ha"),
        (PAGE + "The same line.\n" * 5, None),
        (PAGE + TABLE, None),
        (PAGE + "| --- " * 120 + "|", None),
        (f"{PAGE}Contents {'. ' * 400}7", None),
        ("", None),
    ],
    ids=["line", "paragraphs", "syllable", "refrain", "table", "rule", "leaders", "nothing"],
)
def test_a_loop_is_cut_to_its_first_copy_and_what_only_looks_like_one_stays(text: str, once: str | None) -> None:
    found = unlooped(text)
    assert found == once or (found and once and found.strip() == once.strip())


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("The cat sat on\nthe red mat.", "on the **red** mat. It slept.", "The cat sat on\nthe red mat. It slept."),
        ("one two three four fi", "two three four five six", "one two three four five six"),
        (
            "| a | 1 |\n| b | 2 |\n| c | 3 |",
            "| b | 2 |\n| c | 3 |\n| d | 4 |",
            "| a | 1 |\n| b | 2 |\n| c | 3 |\n| d | 4 |",
        ),
        ("All of it.", "Something else here.", "All of it.\n\nSomething else here."),
        ("", "Only this.", "Only this."),
    ],
)
def test_the_overlap_of_two_halves_is_kept_once(first: str, second: str, whole: str) -> None:
    assert joined(first, second) == whole


@pytest.mark.parametrize(
    ("layer", "text", "kept", "invented"),
    [
        ("The exami-\nnation of 12 cats", "# The examination of **12** cats", 1, 0),
        ("a b c d", "<table><tr><td>a</td><td>b</td></tr></table> e f", 0.5, 0.5),
        ("東京は雨", "東京は晴", 0.75, 0.25),
        ("x = y", r"$x = \frac{y}{}$", 1, 0),
    ],
)
def test_the_text_is_compared_with_the_words_that_the_pdf_has(
    layer: str, text: str, kept: float, invented: float
) -> None:
    found = compared(layer, text)
    assert (found.kept, found.invented) == (kept, invented)


def test_a_text_that_repeats_the_question_is_known() -> None:
    question = "Write down all text on this page as Markdown. Write only the text of the page."
    assert parrots("down all text on this page of. Write only the text of the page.", question)
    assert not parrots("Only text.", question) and not parrots(
        "The text of this contract is on the next page.", question
    )


def test_a_fence_around_all_of_a_page_goes_and_pictures_get_the_names_of_their_files() -> None:
    assert cleaned("```markdown\n# Cats\n\ntext  \n```") == "# Cats\n\ntext"
    assert cleaned("```py\nprint()\n```") == "```py\nprint()\n```"
    assert with_pictures("A\n\n![cat](image_1.png)\n\nB [picture]", ["1.png", "2.png", "3.png"]) == (
        "A\n\n![cat](1.png)\n\nB ![picture](2.png)\n\n![picture](3.png)"
    )
    assert with_pictures("A <img src='x'>", []) == "A [picture]"
