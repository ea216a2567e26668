"""Decides how many draft tokens to evaluate: by what they cost on this machine and how often they are accepted.

Both are measured while it runs. Draft tokens that are not worth evaluating are still compared with the sampled ones,
which costs nothing, so that speculation resumes by itself when an answer begins to repeat earlier text.
"""

from collections.abc import Sequence
from itertools import pairwise

from lechat_tui.engine.llama.cells import Cell
from lechat_tui.engine.llama.prompt_lookup import LONG_MATCH, MAX_MATCH, PromptLookup

DRAFT_SIZES = (1, 3, 7, 11, 15)
"""Numbers of draft tokens; with the token before them 2, 4, 8, 12 or 16, since the matrix kernels of many machines work
on rows in fours or eights."""

MIN_GAIN = 1.2
"""Tokens that a draft must be expected to give in the time of one."""

UNMEASURED_COST = 0.1
"""Cost of an additional token, in evaluations of one, before it is measured: low, so that it is tried."""

DISCOUNT_INTERVAL = 256
"""Drafts after which the measured costs are halved: another program may have disturbed the measurement."""


class Speculation:
    """Draft tokens for one loaded model; what it has measured stays for the next answer."""

    def __init__(self) -> None:
        self.lookup = PromptLookup()
        self._single = 0.0
        """Seconds that the evaluation of one token takes."""
        self._measured: dict[int, float] = {}
        """Cost that a draft of this many tokens adds to the evaluation of one, in evaluations of one."""
        self._costs = [UNMEASURED_COST * size for size in DRAFT_SIZES]
        """The same for each of `DRAFT_SIZES`, interpolated."""
        self._acceptance = [0.4, 0.7, 0.9]
        """How often the predicted token is sampled, by the length of the match: short, long, longest."""
        self._drafts = 0

    def start(self, text: Sequence[Cell]) -> None:
        """An answer begins after this text."""
        self.lookup.sync(text)

    def add(self, token: int) -> None:
        """This token was sampled: learn from it."""
        predicted = self.lookup.predicted()
        if predicted is not None:
            kind = self._match_kind()
            self._acceptance[kind] += 0.05 * ((predicted == token) - self._acceptance[kind])
        self.lookup.add(token)

    def draft(self, most: int) -> tuple[int, ...]:
        """Up to `most` draft tokens to evaluate together with the last token; none when it would not pay."""
        if not self.lookup.match_length or not self._single:
            return ()
        self._discount()
        tokens = self.lookup.propose(min(most, DRAFT_SIZES[-1]))
        return tokens[: self._best_size(len(tokens))]

    def record(self, drafted: int, seconds: float) -> None:
        """One token and this many draft tokens were evaluated together, in this time."""
        if not drafted:
            single = self._single
            self._single += 0.1 * (min(seconds, 2 * single) - single) if single else seconds
            return
        cost = max(0.0, seconds / self._single - 1)
        known = self._measured.get(drafted)
        self._measured[drafted] = cost if known is None else known + 0.3 * (min(cost, 2 * known + 1) - known)
        self._interpolate()

    def cost(self, drafted: int) -> float:
        """What so many draft tokens add to the evaluation of one token, in evaluations of one."""
        return _on_line([(0, 0.0), *sorted(self._measured.items())], drafted) if drafted else 0.0

    def speed_changed(self) -> None:
        """The engine computes with another number of threads: measure again what one token takes."""
        self._single = 0.0

    def _match_kind(self) -> int:
        return (self.lookup.match_length >= LONG_MATCH) + (self.lookup.match_length >= MAX_MATCH)

    def _best_size(self, most: int) -> int:
        """The size of draft that gives the most tokens per second; 0 when no draft is worth it."""
        accepted = self._acceptance[self._match_kind()]
        best, gain = 0, MIN_GAIN
        for size, cost in zip(DRAFT_SIZES, self._costs, strict=True):
            if size > most:
                break
            expected = (1 - accepted ** (size + 1)) / (1 - accepted) if accepted < 1 else size + 1
            if expected / (1 + cost) > gain:
                best, gain = size, expected / (1 + cost)
        return best

    def _discount(self) -> None:
        """Now and then halve the measured costs, so that a size that was too expensive is measured again."""
        self._drafts += 1
        if self._drafts % DISCOUNT_INTERVAL == 0:
            self._measured = {size: cost / 2 for size, cost in self._measured.items()}
            self._interpolate()

    def _interpolate(self) -> None:
        """The costs of all sizes: on straight lines through the measured ones, beyond them as if unmeasured."""
        known = [(0, 0.0), *sorted(self._measured.items())]
        self._costs = [_on_line(known, size) for size in DRAFT_SIZES]


class RecordedDrafts(Speculation):
    """Drafts when an earlier answer did, and as many tokens: what is evaluated together affects a logit's last bits."""

    def __init__(self, drafts: Sequence[int]) -> None:
        """`drafts` are pairs, as in a receipt: tokens sampled before a draft, and its size."""
        super().__init__()
        self._sizes = dict(zip(drafts[::2], drafts[1::2], strict=False))
        self._sampled = 0

    def add(self, token: int) -> None:
        self._sampled += 1
        super().add(token)

    def draft(self, most: int) -> tuple[int, ...]:
        size = min(most, self._sizes.get(self._sampled, 0))
        return self.lookup.propose(size)[:size] if size else ()

    def record(self, drafted: int, seconds: float) -> None:
        """Does nothing: a replay does not depend on time."""


def _on_line(known: Sequence[tuple[int, float]], size: int) -> float:
    """The cost of a size, between the known ones by interpolation."""
    for (low, before), (high, after) in pairwise(known):
        if size <= high:
            return before + (after - before) * (size - low) / (high - low)
    last, cost = known[-1]
    return cost + UNMEASURED_COST * (size - last)
