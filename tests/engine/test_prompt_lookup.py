"""Draft tokens by prompt lookup."""

import random

from hypothesis import given
from hypothesis import strategies as st

from lechat_tui.engine.llama.prompt_lookup import MAX_MATCH, TABLE_SIZE, PromptLookup


def after(*text: int | str) -> PromptLookup:
    lookup = PromptLookup()
    lookup.sync(text)
    return lookup


def test_the_tokens_that_followed_last_time_are_proposed():
    assert after(*range(10, 30), 12, 13, 14).propose(4) == (15, 16, 17, 18)
    assert after(*range(10, 30), 12, 13, 14).predicted() == 15


def test_of_two_places_the_one_with_the_longer_match_is_taken():
    lookup = after(1, 2, 3, 4, 5, 6, 7, 90, 91, 6, 7, 80, 81, 1, 2, 3, 4, 5, 6, 7)
    assert lookup.propose(1) == (90,) and lookup.match_length == 7


def test_without_a_repetition_nothing_is_proposed():
    assert after(*range(1000)).propose(8) == ()
    assert after(*range(1000)).predicted() is None
    assert after().propose(8) == () and after(1, 1).propose(8) == ()


def test_a_match_is_followed_while_it_holds_and_left_when_it_does_not():
    lookup = after(*range(40), 7, 8)
    for token in range(9, 39):
        assert lookup.predicted() == token
        lookup.add(token)
    assert lookup.match_length == MAX_MATCH
    lookup.add(500)
    assert lookup.predicted() is None and lookup.propose(4) == ()


def test_an_image_ends_a_proposal():
    assert after(*range(20), "sha", "sha", 30, 17, 18, 19).propose(8) == ()
    assert after(*range(20), "sha", "sha", 30, 17, 18).propose(8) == (19,)


def test_a_text_that_was_cut_or_has_grown_elsewhere_is_synced():
    lookup = after(*range(100))
    lookup.sync([*range(50), 900, 901, 902, *range(60, 70), 900, 901])
    assert lookup.propose(3) == (902, 60, 61)
    lookup.sync([*range(50), 48, 49])
    assert lookup.propose(9) == (48, 49)


def test_a_place_that_a_cut_part_had_overwritten_is_found_again():
    lookup = after(*range(100))
    for _ in range(3):
        lookup.sync([*range(100), *range(20, 60)])
        lookup.sync([*range(100), 20, 21])
        assert lookup.propose(2) == (22, 23)


def test_memory_does_not_grow_with_the_text_beyond_the_text_itself():
    lookup = after(*range(100_000))
    lookup.sync([*range(100_000), 99_000, 99_001])
    assert lookup.propose(2) == (99_002, 99_003)
    assert [len(places) for places in lookup._tables.values()] == [TABLE_SIZE, TABLE_SIZE]


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 40), st.lists(st.integers(0, 3), max_size=40))
def test_every_proposal_did_follow_the_same_tokens_before(first, cut, more):
    lookup = after(*first)
    text = first[:cut] + more
    lookup.sync(text[: len(text) // 2])
    for token in text[len(text) // 2 :]:
        lookup.add(token)
    proposed = list(lookup.propose(5))
    if proposed:
        seen = text[-lookup.match_length :] + proposed
        assert any(text[i : i + len(seen)] == seen for i in range(len(text)))


def test_a_repeated_passage_is_found_among_much_else():
    random.seed(1)
    noise = [random.randrange(30_000) for _ in range(20_000)]
    lookup = after(*noise)
    sampled = noise[5000:5200]
    right = 0
    for token in sampled:
        right += lookup.predicted() == token
        lookup.add(token)
    assert right >= 190
