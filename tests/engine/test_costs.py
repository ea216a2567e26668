"""What is worth keeping is decided by seconds, whatever the number of tokens."""

import pytest

from lechat_tui.engine.costs import Costs, reload_loss

SLOW = Costs(evaluate=0.1)
"""A model of 24B on a CPU; its states have 160 kB for each token."""
FAST = Costs(evaluate=1 / 4000)
"""The same model on a GPU."""


@pytest.mark.parametrize(
    ("costs", "tokens", "size", "snapshot", "file"),
    [
        (SLOW, 60, 60 * 160_000, True, True),
        (FAST, 2_000, 2_000 * 160_000, True, False),
        (FAST, 60, 60 * 160_000, True, False),
        (SLOW, 1, 8_000 * 160_000, False, False),
        (Costs(evaluate=1e-5), 100, 100, False, False),  # a gain that nobody would notice
        (Costs(), 2_000, 100, False, False),  # nothing is known yet
    ],
)
def test_seconds_decide_what_is_kept(costs: Costs, tokens: int, size: int, snapshot: bool, file: bool) -> None:
    assert costs.snapshot_pays(tokens, size) == snapshot
    assert costs.file_pays(tokens, size) == file


def test_the_state_that_leads_to_the_answer_soonest_depends_on_the_machine() -> None:
    def soonest(costs: Costs) -> str:
        ways = {
            "evaluate": costs.resume(2_000),
            "snapshot": costs.resume(50, 2_000 * 160_000),
            "file": costs.resume(1, 2_000 * 160_000, file=True),
        }
        return min(ways, key=lambda way: ways[way])

    assert soonest(SLOW) == "file" and soonest(FAST) == "snapshot" and soonest(Costs(evaluate=1e-5)) == "evaluate"


def test_the_files_of_other_chats_are_looked_through_where_that_is_quicker_than_evaluating() -> None:
    assert SLOW.scan_pays(20, 500) and not Costs(evaluate=1e-4).scan_pays(20, 500)


def test_costs_follow_the_measurements_and_one_that_was_disturbed_changes_little() -> None:
    costs = Costs().measured("evaluate", 100, 2.0)
    assert costs.evaluate == pytest.approx(0.02), "the first measurement replaces what was not known"
    assert costs.measured("evaluate", 100, 60.0).evaluate < 4 * costs.evaluate
    assert costs.measured("evaluate", 0, 1.0) == costs
    for _ in range(20):
        costs = costs.measured("evaluate", 100, 4.0).measured("write", 100_000_000, 1.0)
    assert costs.evaluate == pytest.approx(0.04, rel=0.01) and costs.write == pytest.approx(1e-8, rel=0.01)
    assert Costs().measured("write", 10_000, 1.0).write < 1.01 * Costs().write, "a small file says little"


def test_a_model_that_takes_long_to_load_stays_longer_and_quick_ones_go_by_their_last_use() -> None:
    assert reload_loss(30, 600) > reload_loss(3, 100)
    assert reload_loss(30, 6000) < reload_loss(3, 100)
    assert reload_loss(0.1, 60) > reload_loss(1.5, 61)
