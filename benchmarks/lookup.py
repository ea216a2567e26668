"""What speculative decoding is worth: tokens per second with and without it, in turns, in one run.

    python benchmarks/lookup.py [MODEL.gguf] [--tokens 300] [--rounds 3] [--threads N]
    python benchmarks/lookup.py [MODEL.gguf] --same 10 [--tokens 300]

The model computes everything it always computes, sampling included, but the sampled tokens are replaced by a given
text, since tiny or random models do not copy a text well. Three answers: the text of the question with some words
changed (editing), the same word for word (quoting), and one that repeats nothing. Prints medians, their ratio, and
how many evaluations each answer took. MODEL is chaton by default; `benchmarks/random_model.py` writes models of real
sizes.

With `--same` nothing is replaced: that many questions are answered with draft tokens and without, at temperature 0
and above it with one seed, and the answers are compared token by token. Every possible draft is evaluated, worth it
or not.
"""

import argparse
import random
import statistics
from contextlib import closing
from pathlib import Path

import llama_cpp
from peers import silence_llama

from lechat_tui import paths
from lechat_tui.engine.base import LocalModel, TuningOptions
from lechat_tui.engine.llama.cells import Cell
from lechat_tui.engine.llama.decode import Generation, decode
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.sampling import Sampler
from lechat_tui.engine.llama.speculation import DRAFT_SIZES, Speculation
from lechat_tui.message import Sampling

SAMPLING = Sampling(temperature=0)


class Script(Sampler):
    """Samples as always, then returns the next token of a given text."""

    def __init__(self, tokens: list[int], vocabulary: int) -> None:
        super().__init__(SAMPLING, 0, vocabulary)
        self._tokens = iter(tokens)

    def sample(self, context: llama_cpp.llama_context_p, row: int = -1) -> int:
        super().sample(context, row)
        return next(self._tokens)


def ordinary(llama: Llama, count: int, seed: int) -> list[int]:
    """Random tokens that are not control tokens."""
    control = set(llama.vocab.control.values())
    drawn = random.Random(seed)
    found: list[int] = []
    while len(found) < count:
        token = drawn.randrange(llama.vocab.size)
        if token not in control and llama.vocab.piece(token):
            found.append(token)
    return found


def run(llama: Llama, question: list[int], answer: list[int]) -> Generation:
    """Evaluate the question and generate the answer."""
    llama.cache.clear()
    for start in range(0, len(question), 256):
        decode(llama.context, question[start : start + 256])
    llama.cache.extend(question)
    with closing(Script(answer, llama.vocab.size)) as script:
        generation = Generation(llama, script, len(answer))
        for _ in generation.run(lambda: False):
            pass
    return generation


class Eager(Speculation):
    """Drafts whenever it can, with every size in turn."""

    def draft(self, most: int) -> tuple[int, ...]:
        if not self._single:
            return ()  # one token must have been timed
        self._drafts += 1
        return self.lookup.propose(min(most, DRAFT_SIZES[self._drafts % len(DRAFT_SIZES)]))


def drawn(llama: Llama, question: list[int], sampling: Sampling, tokens: int) -> tuple[list[Cell], int]:
    """The tokens of an answer, and how many of them were accepted drafts."""
    llama.cache.clear()
    decode(llama.context, question)
    llama.cache.extend(question)
    with closing(Sampler(sampling, 7, llama.vocab.size)) as sampler:
        generation = Generation(llama, sampler, tokens)
        for _ in generation.run(lambda: False):
            pass
    return llama.cache.cells[len(question) :], generation.accepted


def compare(llama: Llama, questions: int, tokens: int) -> None:
    """Answer each question in both ways, and print how many answers are equal."""
    for sampling in (Sampling(temperature=0), Sampling(temperature=0.8, top_k=40)):
        same = guessed = count = 0
        for number in range(questions):
            question = ordinary(llama, 100, number) * 2
            answers = []
            for speculation in (None, Eager()):
                llama.speculation = speculation
                answer, accepted = drawn(llama, question, sampling, tokens)
                answers.append(answer)
                guessed += accepted
            same += answers[0] == answers[1]
            count += len(answers[1])
        print(f"temperature {sampling.temperature}: {same} of {questions} answers are equal, token by token; ", end="")
        print(f"{guessed:,} of {count:,} tokens were accepted drafts")


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=paths.bundled("chaton") / "chaton-q8_0.gguf")
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--same", type=int, metavar="QUESTIONS", help="compare the answers instead")
    options = parser.parse_args()
    silence_llama()
    spec = LocalModel(
        "model", options.model, context=2 * options.tokens + 256, tuning=TuningOptions(threads=options.threads)
    )
    with closing(Llama(spec, lambda _: None)) as llama:
        if options.same:
            compare(llama, options.same, options.tokens)
            return
        question = ordinary(llama, options.tokens, 1)
        edited = list(question)
        for i, token in enumerate(ordinary(llama, options.tokens // 30, 2)):
            edited[i * 30 + 15] = token
        answers = {"quoting": question, "editing": edited, "nothing repeated": ordinary(llama, options.tokens, 3)}
        guesses = Speculation()
        for name, answer in answers.items():
            speeds: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(options.rounds):
                for guessing in (False, True):
                    llama.speculation = guesses if guessing else None
                    last = run(llama, question, answer)
                    speeds[guessing].append(last.speed)
            without, with_guesses = statistics.median(speeds[False]), statistics.median(speeds[True])
            print(
                f"{name:<17} {without:8.1f} -> {with_guesses:8.1f} tokens/s   {with_guesses / without:.2f} times   "
                f"{last.count - last.accepted} evaluations for {last.count} tokens, {last.drafted} drafted"
            )


if __name__ == "__main__":
    main()
