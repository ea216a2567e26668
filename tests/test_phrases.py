"""Engine events and receipts as sentences."""

from lechat_tui.engine.base import Delta, Done, Fitted, Loading, Prefill, Waiting
from lechat_tui.message import Receipt
from lechat_tui.talk import phrases

NOTE = "the context window has 8,192 tokens: 16,384 would not fit into the memory"


def test_loading_and_reading_have_a_sentence_and_a_fraction():
    assert phrases.activity(Loading(0.4), "petit") == ("loading petit", 0.4)
    assert phrases.activity(Prefill(150, 200, 100), "petit") == ("reading 100 new tokens, 100 cached", 0.5)
    assert phrases.activity(Prefill(0, 0, 0), "petit") == ("reading 0 new tokens", 0.0)
    assert phrases.activity(Waiting("busy; trying again"), "petit") == ("busy; trying again", None)
    assert (phrases.percent(0.4), phrases.percent(None)) == ("40%", "")
    assert phrases.activity(Delta("Hi"), "petit") is None and phrases.activity(Done(Receipt("petit")), "petit") is None


def test_only_a_long_prefill_is_worth_a_line_of_its_own():
    assert phrases.is_long(Loading(0.0)) and phrases.is_long(Prefill(0, 2000, 0))
    assert not phrases.is_long(Prefill(0, 2000, 1900))


def test_one_message_and_several_are_counted_in_plain_words():
    assert phrases.left_out(1).startswith("the oldest message did not fit")
    assert phrases.left_out(2).startswith("the 2 oldest messages did not fit")
    assert phrases.missing_from_summary(1).startswith("the oldest message no longer fits")
    assert phrases.missing_from_summary(3).startswith("the 3 oldest messages no longer fit")


def test_how_a_model_was_made_to_fit_is_told_once_for_each_model():
    notes, fitted = phrases.Notes(), Fitted(1, 8192, note=NOTE)
    assert list(notes.about(fitted, "petit")) == [f"petit: {NOTE}"]
    assert list(notes.about(fitted, "petit")) == []
    assert list(notes.about(fitted, "grand")) == [f"grand: {NOTE}"]


def test_a_long_prompt_of_a_toy_comes_with_a_warning():
    short, long = Fitted(40, 4096), Fitted(2000, 4096)
    assert phrases.with_warning(short, toy=True) is short and phrases.with_warning(long, toy=False) is long
    assert "nonsense" in phrases.with_warning(long, toy=True).note


def test_what_to_know_before_a_model_is_loaded_is_told_once():
    notes = phrases.Notes()
    told = [text for part in (0.0, 0.1, 1.0) for text in notes.about(Loading(part, "it needs 14.2 GB"), "petit")]
    assert told == ["petit is being loaded, but it needs 14.2 GB"]


def test_a_dropped_tool_call_is_told_once_in_an_answer():
    notes, call = phrases.Notes(), Delta("[TOOL_CALLS]", "tool")
    for _ in range(2):
        assert list(notes.about(Fitted(1, 8192), "petit")) == []
        told = [sentence for _ in range(3) for sentence in notes.about(call, "petit")]
        assert told == ["petit tried to call a tool; lechat has no tools, so the call was dropped"]


def test_a_context_that_is_nearly_full_is_told_when_it_becomes_so():
    notes = phrases.Notes()
    told = [bool(notes.fullness(full)) for full in (False, True, True, False, True)]
    assert told == [False, True, False, False, True]
    notes.forget_fullness()
    assert notes.fullness(True)


def test_the_figures_of_an_answer_are_one_line():
    receipt = Receipt(
        "petit", prompt_tokens=1200, cached_tokens=1000, completion_tokens=34, ttft_ms=310, tokens_per_s=42
    )
    assert phrases.figures(receipt) == (
        "petit: 1,200 prompt tokens (1,000 cached), 34 generated, first token after 0.31 s, 42.0 tokens/s"
    )
