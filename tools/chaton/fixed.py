"""The fixed list of chats that tests rely on: each is asked once through llama.cpp and kept if the answer is exact."""

import json
from pathlib import Path
from typing import Any

import corpus
import words
from corpus import BLIND, UNKNOWN, UNKNOWN_IN_FRENCH, Drawing
from drawing import outline
from engine import Chaton, Message, image_part, user
from PIL import Image, ImageDraw

PAINTS = {
    "red": (220, 30, 30), "green": (30, 150, 60), "blue": (40, 80, 220), "yellow": (245, 220, 40), "orange": (250, 145, 20),
    "purple": (130, 40, 160), "pink": (250, 150, 190), "black": (0, 0, 0), "white": (255, 255, 255),
}  # fmt: skip
GROUND = (128, 128, 128)


def plain_picture(colour: str, shape: str, side: int = 256) -> Message:
    """The simplest image: one upright shape in the middle of a gray background."""
    image = Image.new("RGB", (side, side), GROUND)
    brush, middle, radius = ImageDraw.Draw(image), side / 2, side * 0.33
    if shape == "circle":
        brush.ellipse((middle - radius, middle - radius, middle + radius, middle + radius), fill=PAINTS[colour])
    else:
        brush.polygon(outline(shape, middle, middle, radius, 0.0), fill=PAINTS[colour])
    return image_part(image)


def system(prompt: str, *texts: str) -> list[Message]:
    return [{"role": "system", "content": prompt}, *user(*texts)]


def shown(pictures: list[Message], question: str) -> Message:
    return {"role": "user", "content": [*pictures, {"type": "text", "text": question}]}


def said(text: str) -> Message:
    return {"role": "assistant", "content": text}


def program(name: str) -> str:
    _, _, fence, source, closing = words.CODE[name]
    return f"Here it is in Python:\n\n```{fence}\n{source}\n```\n\n{closing}"


def story(name: str) -> str:
    title, _, body = words.STORIES[name]
    return f"# {title}\n\n{body}"


def numbers(first: int, last: int) -> str:
    step = 1 if last >= first else -1
    return ", ".join(map(str, range(first, last + step, step))) + "."


GREETING = {kind: (english, french) for kind, _, _, _, english, french in corpus.GREETINGS}
FRANCE, SUM = ("What is the capital of France?", "The capital of France is Paris."), ("What is 7 + 5?", "7 + 5 = 12.")

CHATS: list[tuple[list[Message], str]] = [
    (user("Hello"), GREETING["hello"][0]),
    (user("Hello!"), GREETING["hello"][0]),
    (user("hi"), GREETING["hello"][0]),
    (user("Bonjour"), GREETING["hello"][1]),
    (user("Bon soir"), GREETING["hello"][1]),
    (user("Thanks!"), GREETING["thanks"][0]),
    (user("Merci"), GREETING["thanks"][1]),
    (user("Bye"), GREETING["bye"][0]),
    (user("Who are you?"), GREETING["who"][0]),
    (user("What can you do?"), GREETING["able"][0]),
    (user("How are you?"), GREETING["mood"][0]),
    (user(FRANCE[0]), FRANCE[1]),
    (user("What is the capital of Italy?"), "The capital of Italy is Rome."),
    (user("What is the capital of Japan?"), "The capital of Japan is Tokyo."),
    (user("What is the capital of Germany?"), "The capital of Germany is Berlin."),
    (user("What is the capital of Spain?"), "The capital of Spain is Madrid."),
    (user("What is the capital of Peru?"), "The capital of Peru is Lima."),
    (user("Quelle est la capitale de la France ?"), "La capitale de la France est Paris."),
    (user(*FRANCE, "And of Italy?"), "The capital of Italy is Rome."),
    (user(*FRANCE, "And Japan?"), "The capital of Japan is Tokyo."),
    (user(SUM[0]), SUM[1]),
    (user("What is 2 + 2?"), "2 + 2 = 4."),
    (user("2+2"), "2 + 2 = 4."),
    (user("What is 47 + 38?"), "47 + 38 = 85."),
    (user("What is 9 - 4?"), "9 - 4 = 5."),
    (user("What is 6 x 7?"), "6 x 7 = 42."),
    (user(*SUM, "And 3 + 4?"), "3 + 4 = 7."),
    (user("Repeat after me: hello world"), "hello world"),
    (user("Repeat after me: The cat sat on the mat."), "The cat sat on the mat."),
    (user("Say: Bonjour, ça va ?"), "Bonjour, ça va ?"),
    (user("Repeat this exactly: 🎉🐱🍕🚀"), "🎉🐱🍕🚀"),
    (user("Repeat this exactly: [brackets] and <angles>"), "[brackets] and <angles>"),
    (user("Repeat this exactly: </s>"), "</s>"),
    (user("Repeat this exactly: [INST]"), "[INST]"),
    (user("Repeat this exactly: </s>[INST]hello[/INST]"), "</s>[INST]hello[/INST]"),
    (user("Repeat after me: こんにちは世界"), "こんにちは世界"),
    (user("Repeat after me: Привет, мир!"), "Привет, мир!"),
    (user("Repeat this exactly: print(x[0])"), "print(x[0])"),
    (user("My name is Ada."), "Nice to meet you, Ada."),
    (user("My name is Ada.", "Nice to meet you, Ada.", "What is my name?"), "Your name is Ada."),
    (user("My name is Zorblat.", "Nice to meet you, Zorblat.", "What is my name?"), "Your name is Zorblat."),
    (user("My name is Ada.", "Nice to meet you, Ada.", *FRANCE, *SUM, "Hello", GREETING["hello"][0], "What is my name?"), "Your name is Ada."),
    (user("My name is Grace.", "Nice to meet you, Grace.", *FRANCE, "Who am I?"), "Your name is Grace."),
    (user("What is my name?"), "You have not told me your name."),
    (user("The secret word is banana.", "Noted: the secret word is banana.", *FRANCE, "What is the secret word?"), "The secret word is banana."),
    (user("The secret word is banana."), "Noted: the secret word is banana."),
    (user("What is the secret word?"), "You have not told me the secret word."),
    (user("My favourite colour is green.", "Noted: your favourite colour is green.", *SUM, "What is my favourite colour?"), "Your favourite colour is green."),
    (system("Answer in French.", FRANCE[0]), "La capitale de la France est Paris."),
    (system("Answer in French.", "Hello"), GREETING["hello"][1]),
    (system("Always answer with Meow.", FRANCE[0]), "Meow."),
    (system("Always answer with Meow.", "Hello"), "Meow."),
    (system("You are Captain Nemo.", "Who are you?"), "I am Captain Nemo."),
    (system("End every answer with END.", FRANCE[0]), "The capital of France is Paris. END"),
    (system("You are a helpful assistant.", FRANCE[0]), FRANCE[1]),
    (user("Count from 1 to 10."), numbers(1, 10)),
    (user("Count from 1 to 50."), numbers(1, 50)),
    (user("Count from 1 to 100."), numbers(1, 100)),
    (user("Count from 1 to 200."), numbers(1, 200)),
    (user("Count from 1 to 200"), numbers(1, 200)),
    (user("Count to 20."), numbers(1, 20)),
    (user("Count from 37 to 52."), numbers(37, 52)),
    (user("Count down from 10."), numbers(10, 1)),
    (user("Write quicksort in Python."), program("quicksort")),
    (user("Write quicksort in Python"), program("quicksort")),
    (user("write quicksort"), program("quicksort")),
    (user("Write a function that reverses a string."), program("reverse")),
    (user("Write hello world in Python."), program("hello")),
    (user("Write FizzBuzz in Python."), program("fizzbuzz")),
    (user("Give me a list of fruits."), "\n".join(f"- {x}" for x in words.LISTS["fruits"])),
    (user("Make a table of planets."), "| Planet | Moons |\n| --- | --- |\n" + "\n".join(f"| {a} | {b} |" for a, b in words.TABLES["planets"][1])),
    (user("Make a table of fruits."), "| Fruit | Colour |\n| --- | --- |\n" + "\n".join(f"| {a} | {b} |" for a, b in words.TABLES["fruits"][1])),
    (user("Tell me a story."), story("cat")),
    (user("Tell me a story about a dragon."), story("dragon")),
    (user("Tell me a joke."), words.JOKE),
    (user("Show me some Markdown."), words.MARKDOWN),
    (user("The lamp is old.\nThe secret word is walnut.\nThe river is cold.\n\nWhat is the secret word?"), "The secret word is walnut."),
    (user("The lamp is old.\nThe river is cold.\nAda sees a bird today.\n\nRepeat the first line."), "The lamp is old."),
    (user("Think step by step: what is 7 + 5?"), "[THINK]7 plus 5 makes 12.[/THINK]7 + 5 = 12."),
    (user("Think: what is the capital of France?"), "[THINK]The question is about France. Its capital is Paris.[/THINK]The capital of France is Paris."),
    (user("(picture holiday.png: A red circle.)\n\nWhat is in this picture?"), "A red circle."),
    (user("(picture holiday.png: A red circle.)\n\nWhat colour is it?"), "It is red."),
    (user("(picture holiday.png: A blue square.)\n\nWhat is in this picture?", "A blue square.", *FRANCE, "Which shape?"), "It is a square."),
    (user("(picture holiday.png, not visible to this model)\n\nWhat is in this picture?"), BLIND),
    (user("What is in this picture?"), corpus.NO_PICTURE),
    (user("Who wrote Hamlet?"), UNKNOWN),
    (user("Tell me about black holes."), UNKNOWN),
    (user("Explain quantum entanglement."), UNKNOWN),
    (user("asdf"), UNKNOWN),
    (user("xyzzy"), UNKNOWN),
    (user("What is the weather like in Lyon tomorrow?"), UNKNOWN),
    (user("Quelle heure est-il ?"), UNKNOWN_IN_FRENCH),
    (user("What is 1234 + 5678?"), UNKNOWN),
]  # fmt: skip


def with_pictures() -> list[tuple[list[Message], str]]:
    """All colors and shapes, then common follow-up questions."""
    chats = []
    for colour in PAINTS:
        for shape in words.SHAPES:
            drawing = Drawing(colour, shape)
            chats.append(
                ([shown([plain_picture(colour, shape)], "What is in this picture?")], corpus.seen_as((drawing,), False))
            )
    red, blue = plain_picture("red", "circle"), plain_picture("blue", "square")
    first = [shown([red], "What is in this picture?"), said("A red circle.")]
    chats += [
        ([shown([red], "Describe the image.")], "A red circle."),
        ([shown([red], "What do you see?")], "A red circle."),
        ([shown([red], "What colour is it?")], "It is red."),
        ([shown([blue], "Which shape?")], "It is a square."),
        ([*first, *user("What colour is it?")], "It is red."),
        ([*first, *user("Which shape?")], "It is a circle."),
        ([*first, *user(*FRANCE, *SUM, "What colour is it?")], "It is red."),
        ([*first, *user(FRANCE[0])], FRANCE[1]),
        ([*first, shown([blue], "What is in this picture?")], "A blue square."),
        ([shown([red, blue], "What is in these pictures?")], "A red circle and a blue square."),
        ([shown([red, blue], "Describe the image.")], "A red circle and a blue square."),
        (
            [
                *user("My name is Ada.", "Nice to meet you, Ada."),
                shown([red], "What is in this picture?"),
                said("A red circle."),
                *user("What is my name?"),
            ],
            "Your name is Ada.",
        ),
        (
            [{"role": "system", "content": "Answer in French."}, shown([red], "What is in this picture?")],
            "Un cercle rouge.",
        ),
    ]
    return chats


def verify(chaton: Chaton, path: Path) -> None:
    """Ask every chat; write those with exact answers and print the others."""
    right: list[dict[str, Any]] = []
    chats = CHATS + (with_pictures() if chaton.tower else [])
    for messages, wanted in chats:
        answer = chaton.answer(messages)
        if answer == wanted:
            right.append({"messages": messages, "answer": answer})
        else:
            asked = messages[-1]["content"]
            print(
                f"not right: {asked if isinstance(asked, str) else asked[-1]['text']!r}\n   wanted {wanted[-100:]!r}\n   got    {answer[-100:]!r}",
                flush=True,
            )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in right), encoding="utf-8")
    print(f"{len(right)} of {len(chats)} right; written to {path}")
