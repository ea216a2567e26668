"""Asks the finished files held-out questions through llama.cpp, greedily, and prints how often the answers are right.

    python tools/chaton/evaluate.py --files lechat_tui/data/chaton            the table
    python tools/chaton/evaluate.py --files lechat_tui/data/chaton --verify   writes verified.jsonl beside this script

Needs llama-cpp-python, numpy, pillow and tokenizers; no torch.
"""

import argparse
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import corpus
import fixed
import words
from corpus import Dialogue, Drawing
from drawing import draw
from engine import Chaton, Message, image_part, user
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

# ---- questions -------------------------------------------------------------------------------------------------


def some_picture(drawing: Drawing, rng: random.Random, least: int = 24, most: int = 2000) -> Message:
    """A random size with a moderate aspect ratio; sizes are uniform in their logarithm."""
    side = least * (most / least) ** rng.random()
    aspect = 2 ** rng.uniform(-1, 1)
    width, height = (max(least, min(most, round(side * a))) for a in (aspect**0.5, aspect**-0.5))
    return image_part(draw(drawing, width, height, rng), rng.choice(("PNG", "PNG", "JPEG")))


def as_messages(dialogue: Dialogue, rng: random.Random) -> tuple[list[Message], str]:
    """The chat up to its last question, and the expected answer."""
    messages: list[Message] = [{"role": "system", "content": dialogue.system}] if dialogue.system else []
    for turn in dialogue.turns:
        pictures = [some_picture(d, rng) for d in turn.drawings]
        messages.append(
            {"role": "user", "content": [*pictures, {"type": "text", "text": turn.user}] if pictures else turn.user}
        )
        messages.append({"role": "assistant", "content": turn.answer})
    last = dialogue.turns[-1]
    wanted = f"[THINK]{last.thinking}[/THINK]{last.answer}" if last.thinking else last.answer
    return messages[:-1], wanted


@dataclass
class Tally:
    right: int = 0
    asked: int = 0

    def add(self, right: bool) -> None:
        self.right, self.asked = self.right + right, self.asked + 1

    def __str__(self) -> str:
        return f"{self.right}/{self.asked} ({self.right / max(self.asked, 1):.1%})"


def ask_held_out(chaton: Chaton, each: int, seed: int, show: bool) -> None:
    """For every skill, chats of 1 to 8 turns whose last question is held out, with unseen names and phrases."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    whole, seen = Tally(), Tally()
    skills = [*corpus.SKILLS, *([corpus.picture, corpus.picture_again] if chaton.tower else [])]
    for number, skill in enumerate(skills):
        with_pictures = number >= len(corpus.SKILLS)
        for i in range(each * (3 if with_pictures else 1)):
            rng = random.Random(f"{seed} {number} {i}")
            dialogue = corpus.dialogue(
                rng, last=skill, unseen=True, pictures=with_pictures, turns=rng.choice((1, 1, 2, 3, 5, 8))
            )
            messages, wanted = as_messages(dialogue, rng)
            answer = chaton.answer(messages)
            right = answer == wanted
            kind = dialogue.turns[-1].skill
            tallies[f"{kind} (real pictures)" if with_pictures else kind].add(right)
            (seen if with_pictures else whole).add(right)
            if show and not right:
                print(
                    f"  {kind}: {dialogue.system!r} {len(dialogue.turns)} turns {dialogue.turns[-1].user[-90:]!r}\n     wanted {wanted[-90:]!r}\n     got    {answer[-90:]!r}",
                    flush=True,
                )
    print("| skill | exact |\n|---|---|")
    for kind, tally in sorted(tallies.items()):
        print(f"| {kind} | {tally} |")
    print(f"| **all text** | {whole} |")
    if chaton.tower:
        print(f"| **all chats with pictures** | {seen} |", flush=True)


def ask_families(chaton: Chaton, seed: int) -> None:
    """Whole families of short questions, most of them seen in training, as tests ask them."""

    def row(name: str, cases: list[tuple[list[Message], str]]) -> None:
        tally = Tally()
        for messages, wanted in cases:
            tally.add(chaton.answer(messages) == wanted)
        print(f"| {name} | {tally} |", flush=True)

    print("| family | exact |\n|---|---|")
    row(
        "What is the capital of X? (all)",
        [(user(f"What is the capital of {c}?"), f"The capital of {c} is {p}.") for c, p, _, _ in words.COUNTRIES],
    )
    row(
        "the same in French",
        [(user(f"Quelle est la capitale {c} ?"), f"La capitale {c} est {p}.") for _, _, c, p in words.COUNTRIES],
    )
    row(
        "What is a + b? 0..12",
        [(user(f"What is {a} + {b}?"), f"{a} + {b} = {a + b}.") for a in range(13) for b in range(13)],
    )
    rng = random.Random(seed)
    pairs = [(rng.randint(0, 99), rng.randint(0, 99)) for _ in range(200)]
    row(
        "What is a + b? 0..99, 200 at random",
        [(user(f"What is {a} + {b}?"), f"{a} + {b} = {a + b}.") for a, b in pairs],
    )
    row(
        "What is a - b? 0..20",
        [(user(f"What is {a} - {b}?"), f"{a} - {b} = {a - b}.") for a in range(0, 21, 2) for b in range(21)],
    )
    row(
        "What is a x b? 0..10",
        [(user(f"What is {a} x {b}?"), f"{a} x {b} = {a * b}.") for a in range(11) for b in range(11)],
    )
    row("Repeat after me: the unseen phrases", [(user(f"Repeat after me: {p}"), p) for p in words.UNSEEN_PHRASES])
    row(
        "name told and asked, unseen names",
        [
            (user(f"My name is {n}.", f"Nice to meet you, {n}.", "What is my name?"), f"Your name is {n}.")
            for n in words.UNSEEN_NAMES
        ],
    )
    spans = [
        (1, 10),
        (1, 20),
        (1, 50),
        (1, 100),
        (1, 200),
        (5, 15),
        (7, 23),
        (90, 110),
        (37, 81),
        (101, 300),
        (150, 160),
        (1, 5),
        (3, 9),
        (0, 10),
        (12, 112),
    ]
    row(
        "Count from a to b",
        [(user(f"Count from {a} to {b}."), ", ".join(map(str, range(a, b + 1))) + ".") for a, b in spans],
    )
    tally = Tally()
    for i in range(60):
        question, wanted = (
            ("What is the capital of France?", "The capital of France is Paris."),
            ("What is 7 + 5?", "7 + 5 = 12."),
            ("Hello", corpus.GREETINGS[0][4]),
        )[i % 3]
        tally.add(chaton.answer(user(question), temperature=0.7, seed=i) == wanted)
    print(f"| capital, sum and greeting at temperature 0.7, 20 seeds each | {tally} |")
    if not chaton.tower:
        return
    print('| pictures of one shape, "What is in this picture?" | exact |\n|---|---|')
    for name, least, most in (
        ("24..64 px", 24, 64),
        ("64..300 px", 64, 300),
        ("300..1000 px", 300, 1000),
        ("1000..2000 px", 1000, 2000),
    ):
        tally, of_colour, of_shape = Tally(), Tally(), Tally()
        for i in range(100):
            rng = random.Random(f"{seed} {name} {i}")
            drawing = corpus.some_drawing(rng)
            answer = chaton.answer(
                [
                    {
                        "role": "user",
                        "content": [
                            some_picture(drawing, rng, least, most),
                            {"type": "text", "text": "What is in this picture?"},
                        ],
                    }
                ]
            )
            tally.add(answer == corpus.seen_as((drawing,), False))
            of_colour.add(drawing.colour in answer)
            of_shape.add(drawing.shape in answer)
        print(f"| {name} | {tally}; colour {of_colour}, shape {of_shape} |", flush=True)


def check_template(chaton: Chaton) -> None:
    """Check that the template in the file renders to the tokens the model was trained on."""
    formatter = Jinja2ChatFormatter(chaton.llama.metadata["tokenizer.chat_template"], "</s>", "<s>")
    messages = [{"role": "system", "content": "Be brief."}, *user("Hello", "Hello!", "What is 7 + 5?")]
    rendered = formatter(messages=messages).prompt
    same = chaton.llama.tokenize(rendered.encode(), add_bos=False, special=True) == next(chaton.prompt(messages))
    print(f"template renders to the trained tokens: {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, default=Path("lechat_tui/data/chaton"))
    parser.add_argument("--each", type=int, default=40, help="chats per skill")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--show", action="store_true", help="print what went wrong")
    parser.add_argument(
        "--verify", action="store_true", help="ask the fixed list only, and write the right ones to verified.jsonl"
    )
    parser.add_argument("--quick", action="store_true", help="the held-out chats only")
    options = parser.parse_args()
    chaton = Chaton(options.files)
    started = time.monotonic()
    try:
        if options.verify:
            fixed.verify(chaton, Path(__file__).with_name("verified.jsonl"))
            return
        check_template(chaton)
        ask_held_out(chaton, options.each, options.seed, options.show)
        if not options.quick:
            ask_families(chaton, options.seed)
        print(f"{time.monotonic() - started:.0f} seconds")
    finally:
        chaton.close()


if __name__ == "__main__":
    main()
