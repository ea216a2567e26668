"""How long a question takes in a library of a million passages.

    python benchmarks/library_scale.py FOLDER [--passages 1000000] [--questions 100]

Writes `FOLDER/scale.db`, about 1 GB, or continues it: passages of 60 words out of 300,000 made of syllables, which
are as frequent as words of a language are (Zipf's law). They are inserted in bulk, past `Library.add`. A question is
eight words of one passage. Prints the median, the 95th percentile and the maximum, in wall clock and CPU time: the
first is what a user waits for on an otherwise idle machine, the second does not depend on other programs.
"""

import argparse
import random
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lechat_tui.library.store import Library

WORDS = 300_000
LENGTH = 60
"""Words of a passage."""
DOCUMENT = 100
"""Passages of a document."""
STEP = 50_000
"""Passages that are inserted in one transaction."""
STARTS = ["b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "st", "tr", "pl"]
VOWELS = ["a", "e", "i", "o", "u", "ei", "au"]
ENDS = ["", "", "n", "r", "s", "t"]


def vocabulary(chance: random.Random) -> list[str]:
    """Words of one to four syllables."""

    def syllable() -> str:
        return chance.choice(STARTS) + chance.choice(VOWELS) + chance.choice(ENDS)

    made = ("".join(syllable() for _ in range(chance.choice([1, 2, 2, 3, 3, 4]))) for _ in range(WORDS))
    return list(dict.fromkeys(made))


def fill(library: Library, words: Sequence[str], passages: int) -> None:
    """Add passages until there are so many."""
    frequencies = np.cumsum(1 / (np.arange(len(words)) + 2.7))
    frequencies /= frequencies[-1]
    table = np.array(words, dtype=object)
    done = library.totals().passages
    chance = np.random.default_rng(done)
    if not done:
        terms = [(id, word) for id, word in enumerate(words, 1) if len(word) >= 4]
        with library.writing() as db:
            db.executemany("INSERT INTO term VALUES (?, ?)", terms)
            db.executemany("INSERT INTO terms (rowid, term) VALUES (?, ?)", terms)
    for first in range(done, passages, STEP):
        with library.writing() as db:
            for document in range(first // DOCUMENT, (first + STEP) // DOCUMENT):
                row = (document + 1, f"/x/{document}.md", f"{document}.md", DOCUMENT)
                db.execute("INSERT INTO document VALUES (?, ?, ?, 'text', '', 0, 0, 1, ?, 0, '', '')", row)
                chosen = table[np.searchsorted(frequencies, chance.random((DOCUMENT, LENGTH)))].tolist()
                ids = range(document * DOCUMENT + 1, (document + 1) * DOCUMENT + 1)
                rows = [(id, document + 1, text[0], " ".join(text)) for id, text in zip(ids, chosen, strict=True)]
                db.executemany("INSERT INTO passage VALUES (?, ?, 1, 0, 400, ?, ?, '')", rows)
                index = [(id, heading, body) for id, _, heading, body in rows]
                db.executemany("INSERT INTO words (rowid, heading, body) VALUES (?, ?, ?)", index)
        print(f"{first + STEP:,} passages", flush=True)


def measure(library: Library, questions: Sequence[str]) -> None:
    """Print how long the questions take."""
    wall, cpu = [], []
    for question in questions:
        start, spent = time.perf_counter(), time.process_time()
        library.search(question)
        wall.append((time.perf_counter() - start) * 1000)
        cpu.append((time.process_time() - spent) * 1000)
    for name, times in (("wall clock", sorted(wall)), ("CPU time", sorted(cpu))):
        middle, high = times[len(times) // 2], times[len(times) * 95 // 100]
        print(f"{name:<10}  median {middle:.0f} ms, 95th percentile {high:.0f} ms, maximum {times[-1]:.0f} ms")


def main() -> None:
    """Fill the library and ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args()
    chance = random.Random(7)
    words = vocabulary(chance)
    with Library(options.folder / "scale.db") as library:
        fill(library, words, options.passages)
        last = library.totals().passages
        sources = [library.passage(chance.randint(1, last)) for _ in range(options.questions)]
        questions = [" ".join(chance.sample(passage.body.split(), 8)) for passage in sources if passage]
        size = sum(file.stat().st_size for file in options.folder.glob("scale.db*")) / 10**6
        print(f"{last:,} passages, {size:.0f} MB on disk")
        measure(library, questions)
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB of memory, with this script")


if __name__ == "__main__":
    main()
