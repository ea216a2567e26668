"""How often a question finds the paragraph with its answer: libraries next to plain full-text search.

    python benchmarks/retrieval.py FOLDER [--languages en de] [--every 1]

FOLDER has question sets in the format of SQuAD, a JSON file for each language, such as those of XQuAD
(https://github.com/google-deepmind/xquad): `xquad.en.json`. All paragraphs of a file become one library, each a
document of its own. A hit is a passage of the paragraph that the question was written for. R@1 and R@5 are the shares
of questions with a hit first and among the first five; nDCG@10 is 1 / log2(1 + rank) of the hit. The peer is an FTS5
table with the tokenizer `unicode61`, which gets the words of the question joined by OR and ranks by BM25.
"""

import argparse
import json
import math
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from lechat_tui.documents.model import Document, Page
from lechat_tui.library.store import Library

Question = tuple[str, int]
"""A question and the number of its paragraph."""

Search = Callable[[str], list[int]]
"""The numbers of the paragraphs that a question finds, best first, at most ten."""

K = 10


def read(file: Path) -> tuple[list[str], list[Question]]:
    """The paragraphs of a question set, and its questions."""
    paragraphs: list[str] = []
    questions: list[Question] = []
    for article in json.loads(file.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(asked["question"], len(paragraphs)) for asked in paragraph["qas"]]
            paragraphs.append(paragraph["context"])
    return paragraphs, questions


def with_library(paragraphs: list[str]) -> Search:
    """A library in memory."""
    library = Library(None)
    for number, text in enumerate(paragraphs):
        library.add(Document(str(number), "text", (Page(1, text, "plain"),)))
    return lambda question: list(dict.fromkeys(int(found.document) for found in library.search(question, K)))


def with_fts5(paragraphs: list[str]) -> Search:
    """FTS5 as it comes."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE paragraph USING fts5 (text, tokenize = 'unicode61')")
    db.executemany("INSERT INTO paragraph (rowid, text) VALUES (?, ?)", enumerate(paragraphs))

    def search(question: str) -> list[int]:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        statement = "SELECT rowid FROM paragraph WHERE paragraph MATCH ? ORDER BY rank LIMIT ?"
        return [number for (number,) in db.execute(statement, (words, K))] if words else []

    return search


PEERS: dict[str, Callable[[list[str]], Search]] = {"unicode61": with_fts5, "lechat": with_library}


def measure(search: Search, questions: list[Question]) -> tuple[float, float, float, float]:
    """R@1, R@5, nDCG@10, and the milliseconds of CPU time that a question takes."""
    first = five = gain = 0.0
    start = time.process_time()
    for question, paragraph in questions:
        found = search(question)
        if paragraph in found:
            rank = found.index(paragraph)
            first, five, gain = first + (rank == 0), five + (rank < 5), gain + 1 / math.log2(rank + 2)
    milliseconds = (time.process_time() - start) * 1000
    return first / len(questions), five / len(questions), gain / len(questions), milliseconds / len(questions)


def main() -> None:
    """Print a row for each language and peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--languages", nargs="*", default=[], help="as the files are named; default: all")
    parser.add_argument("--every", type=int, default=1, help="ask only every so many questions")
    options = parser.parse_args()
    print(f"{'set':<12} {'search':<10} {'R@1':>6} {'R@5':>6} {'nDCG@10':>8} {'ms':>6}")
    for file in sorted(options.folder.glob("*.json")):
        language = file.stem.rpartition(".")[2]
        if options.languages and language not in options.languages:
            continue
        paragraphs, questions = read(file)
        for name, peer in PEERS.items():
            first, five, gain, spent = measure(peer(paragraphs), questions[:: options.every])
            print(f"{file.stem:<12} {name:<10} {first:>6.3f} {five:>6.3f} {gain:>8.3f} {spent:>6.1f}", flush=True)


if __name__ == "__main__":
    main()
