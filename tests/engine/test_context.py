"""Which messages are left out when a conversation is larger than the context window."""

from hypothesis import given
from hypothesis import strategies as st

from lechat_tui.engine.context import answers, fit, kept_always, prompt_room
from lechat_tui.message import Message


def test_everything_stays_while_it_fits():
    plan = fit([10, 20, 30], 60)
    assert plan and plan.kept == (0, 1, 2) and plan.left_out == ()


def test_the_oldest_messages_are_left_out_first_and_pinned_ones_and_the_question_stay():
    plan = fit([10, 50, 50, 50, 20], 100, pinned=[0])
    assert plan and plan.kept == (0, 3, 4) and plan.left_out == (1, 2)


def test_there_is_no_selection_when_what_must_stay_does_not_fit():
    assert fit([80, 5, 30], 100, pinned=[0]) is None


def test_the_selection_is_stable_for_many_turns_so_that_the_prefix_can_be_reused():
    chat = [10] * 40
    plans = []
    for _ in range(30):
        chat = [*chat, 2, 2]
        plan = fit(chat, 400)
        assert plan
        plans.append(plan.left_out)
    assert len(set(plans)) <= 3


@given(st.lists(st.integers(1, 200), min_size=1, max_size=40), st.integers(1, 2000), st.booleans())
def test_a_selection_fits_and_keeps_the_order_and_every_message(tokens, limit, pinned):
    plan = fit(tokens, limit, pinned=[0] if pinned else [])
    if plan is None:
        assert tokens[-1] + (tokens[0] if pinned and len(tokens) > 1 else 0) > limit
        return
    assert sum(tokens[i] for i in plan.kept) <= limit
    assert sorted((*plan.kept, *plan.left_out)) == list(range(len(tokens)))
    assert list(plan.kept) == sorted(plan.kept) and len(tokens) - 1 in plan.kept


def test_the_system_prompt_the_pinned_and_the_last_must_stay():
    chat = [Message("system", "s"), Message("user", "a", pinned=True), Message("assistant", "b"), Message("user", "c")]
    assert kept_always(chat) == {0, 1, 3}
    assert kept_always([*chat, Message("assistant", "d")]) == {0, 1, 3, 4}, "an answer is nothing without its question"


def test_an_answer_is_left_out_with_its_question():
    chat = [Message("user", "a"), Message("assistant", "b"), Message("user", "c"), Message("assistant", "d")]
    assert answers(chat) == {1, 3}
    plan = fit([30, 5, 30, 30, 30], 100, answers=answers(chat))
    assert plan and plan.left_out == (0, 1)
    assert fit([30, 5, 30, 30, 30], 100) != plan


def test_the_room_for_the_prompt_is_what_the_answer_leaves():
    assert prompt_room(4096) == 3072 and prompt_room(32_768) == 32_768 - 2048
    assert prompt_room(4096, 100) == 3996 and prompt_room(4096, 9000) == 3072
