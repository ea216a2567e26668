"""Code is found as the screen numbers it."""

from lechat_tui.talk.fences import fences


def test_fences_are_found_in_their_order_wherever_they_stand():
    text = "one\n```python\na = 1\n```\n- list\n  ~~~\n  b\n  ~~~\n\n> ```\n> c\n> ```\n\n    indented\n"
    assert fences(text) == ["a = 1\n", "b\n", "c\n"]


def test_a_fence_that_was_cut_off_counts_and_a_text_without_code_has_none():
    assert fences("```\nhalf") == ["half"]
    assert fences("no `code` here") == []
