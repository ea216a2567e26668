"""Whether every citation in an answer exists: questions with and without an answer in a library.

    python benchmarks/library_answers.py FOLDER [--each 100]

FOLDER has XQuAD (https://github.com/google-deepmind/xquad), a file `xquad.en.json` for each language. Half of the
paragraphs become a library. The engine is a scripted one that cites numbers at random, in all spellings and in pieces
of any size: worse than any model. Prints the citations that were shown and that do not exist, and how often the
paragraph with the answer was among the passages.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from lechat_tui.attachments.passages import stored_passages
from lechat_tui.cli import compose
from lechat_tui.documents.model import Document, Page
from lechat_tui.engine.base import Delta
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.library import names
from lechat_tui.library.marks import MARK, without_code
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation

LANGUAGES = ("en", "de", "ar", "zh")


def pieces(chance: random.Random) -> Iterator[Delta]:
    """An answer with citations at random, as it arrives."""
    parts = (
        f"The boat left in May [{chance.randrange(40)}]. ",
        f"See [{chance.randrange(1, 9)}, {chance.randrange(60)}] and 【{chance.randrange(20)}】. ",
        f"Both [{chance.randrange(5)}-{chance.randrange(5, 12)}][^{chance.randrange(50)}]. ",
        "`x[99]` ",
        "```\na[77]\n```\n",
    )
    text = "".join(chance.choices(parts, k=6))
    while text:
        size = chance.choice((1, 2, 3, 7))
        yield Delta(text[:size])
        text = text[size:]


async def ask(conversation: Conversation, question: str) -> None:
    async with aclosing(conversation.ask(question)) as events:
        async for _ in events:
            pass


def measure(folder: Path, language: str, each: int) -> None:
    """Ask, and print a line for a language."""
    chance = random.Random(5)
    articles = json.loads((folder / f"xquad.{language}.json").read_text("utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    kept, others = paragraphs[: len(paragraphs) // 2], paragraphs[len(paragraphs) // 2 :]
    with names.create(language) as library:
        for number, paragraph in enumerate(kept):
            page = Page(1, paragraph["context"], "plain")
            library.add(Document(f"{number}.txt", "text", (page,), ()), f"/{number}.txt")
    models = compose.models(compose.settings())
    asked = [
        (paragraph["context"] if known else "", qa["question"])
        for known, some in ((True, kept), (False, others))
        for paragraph, qa in chance.sample([(p, qa) for p in some for qa in p["qas"]], each)
    ]
    shown = missing = found = 0
    for context, question in asked:
        with Store(None) as store:
            conversation = Conversation(store, EchoEngine(*pieces(chance)), models, models.for_role("text"))
            asyncio.run(ask(conversation, f"{question} @library:{language}"))
            sources = stored_passages(conversation.messages[0].attachments[-1]).sources
            cited = [int(n) for n in MARK.findall(without_code(conversation.messages[1].text))]
        shown += len(cited)
        missing += len([n for n in cited if n not in {source.n for source in sources}])
        found += bool(context) and any(source.body[:60] in context for source in sources)
    print(
        f"{language}  {len(asked)} questions, {shown} citations shown, {missing} do not exist; "
        f"the paragraph was found for {found} of {each}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=100, help="questions with an answer, and as many without one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"), home))
        for language in LANGUAGES:
            measure(arguments.folder, language, arguments.each)


if __name__ == "__main__":
    main()
