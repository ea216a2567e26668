"""How many wrong citations the check catches, and how many right ones it doubts: a mutation test.

    python benchmarks/citations.py FOLDER [--each 300] [--show KIND]

FOLDER has XQuAD (https://github.com/google-deepmind/xquad), a file `xquad.en.json` for each language. Right answers are
made of paragraphs and the sentences that hold an answer; wrong ones of those by another number, name or quote, from the
same paragraph or from elsewhere. Prints both shares for each language and kind.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from lechat_tui.attachments.passages import Source
from lechat_tui.library.citations import check
from lechat_tui.library.claims import sentences
from lechat_tui.values import dataclass

LANGUAGES = ("en", "de", "ar", "zh")

PREFIXES = {
    "en": ("According to the document, {}", "The passage says that {}", "As far as I can see, {}"),
    "de": ("Laut dem Dokument gilt: {}", "In der Passage steht: {}", "Nach den Unterlagen: {}"),
    "ar": ("وفقا للوثيقة، {}", "تقول الوثيقة إن {}", "يذكر النص أن {}"),
    "zh": ("根据文件，{}", "文档指出，{}", "资料显示：{}"),
}
ANSWERS = {
    "en": ("It is {}.", "{q}: {a}", "The answer is {}."),
    "de": ("Es ist {}.", "{q}: {a}", "Die Antwort ist {}."),
    "ar": ("الجواب هو {}.", "{q}: {a}", "إنه {}."),
    "zh": ("答案是{}。", "{q}：{a}", "是{}。"),
}
QUOTED = {
    "en": ("The document says: “{}”", 'It says "{}"'),
    "de": ("Im Dokument steht: „{}“", "Es heißt dort „{}“"),
    "ar": ("تقول الوثيقة: «{}»", 'ورد فيها "{}"'),
    "zh": ("文件说：“{}”", "文中写道「{}」"),
}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Case:
    """A question with the paragraph that answers it."""

    language: str
    context: str
    question: str
    answer: str
    sentence: str
    kind: str
    """Of the answer: a number, a name, or other words."""
    others: tuple[str, ...]
    """Answers of the same kind to other questions about the paragraph."""


def cases(folder: Path, language: str) -> list[Case]:
    """The questions of a language. What is a name is known from the English answers."""
    english = {qa["id"]: qa["answers"][0]["text"] for paragraph in paragraphs(folder, "en") for qa in paragraph["qas"]}
    found = []
    for paragraph in paragraphs(folder, language):
        context = paragraph["context"]
        kinds = {qa["id"]: kind_of(english.get(qa["id"], ""), qa["answers"][0]["text"]) for qa in paragraph["qas"]}
        for qa in paragraph["qas"]:
            answer, at = bare(qa["answers"][0]["text"]), qa["answers"][0]["answer_start"]
            spans = [span for span in sentences(context) if span[0] <= at and at + len(answer) <= span[1]]
            if not spans or not answer.strip():
                continue
            kind = kinds[qa["id"]]
            same = [o["answers"][0]["text"] for o in paragraph["qas"] if kinds[o["id"]] == kind]
            others = tuple(o for o in map(bare, same) if o not in answer and answer not in o)
            sentence = context[slice(*spans[0])]
            found.append(Case(language, context, qa["question"].strip(), answer, sentence, kind, others))
    return found


def bare(text: str) -> str:
    return text.strip(" ,.;:，。；、")


def paragraphs(folder: Path, language: str) -> list[dict]:
    data = json.loads((folder / f"xquad.{language}.json").read_text("utf-8"))["data"]
    return [paragraph for article in data for paragraph in article["paragraphs"]]


def kind_of(english: str, answer: str) -> str:
    words = [word for word in english.split() if word not in ("the", "of", "and", "The", "de")]
    if NUMBER.search(answer):
        return "number"
    return "name" if words and len(words) < 5 and all(word[0].isupper() for word in words) else "words"


def fragment(case: Case, text: str, chance: random.Random, words: int = 8) -> str:
    """Some words of a text, or characters of Chinese."""
    if case.language == "zh":
        at = chance.randrange(max(len(text) - 14, 1))
        within = r"[^\W\u4e00-\u9fff]"  # a number or Latin word is not cut
        at -= len(re.search(rf"{within}*$", text[:at])[0])
        end = at + 14 + len(re.match(rf"{within}*", text[at + 14 :])[0])
        return re.sub(r"[“”「」\"]", "", text[at:end]).strip("，。、 ")
    pieces = re.sub(r"[“”„«»\"]", "", text).split()
    at = chance.randrange(max(len(pieces) - words, 1))
    return " ".join(pieces[at : at + words])


def shorter(case: Case) -> str:
    """The clauses of the sentence from the one with the answer on, or up to it."""
    clauses = re.split(r"(?<=[,;،])\s+|(?<=[，；])", case.sentence)
    place = next((n for n, clause in enumerate(clauses) if case.answer in clause), 0)
    part = clauses[: place + 1] if place else clauses[:1]
    chinese = case.language == "zh"
    return bare(("" if chinese else " ").join(part)).strip("،") + ("。" if chinese else ".")


def cited(text: str) -> str:
    """The text with a citation before its period, or behind it."""
    text = text.strip()
    return f"{text[:-1]} [1]{text[-1]}" if text[-1:] in ".。؟!?" else f"{text} [1]"


def right(case: Case, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Right answers, each with how it was made."""
    sentence, language = case.sentence, case.language
    article = sentence.split()[0] in ("The", "In", "A", "It", "This")
    lowered = sentence[0].lower() + sentence[1:] if article else sentence
    yield "sentence", sentence
    yield "told", chance.choice(PREFIXES[language]).format(lowered)
    yield "shortened", shorter(case)
    yield "quoted", chance.choice(QUOTED[language]).format(fragment(case, sentence, chance))
    template = chance.choice(ANSWERS[language])
    question = case.question.rstrip("?？؟ ")
    yield "answered", template.format(case.answer, q=question, a=case.answer)


def wrong(case: Case, answers: dict[str, str], pool: list[Case], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Wrong answers made of right ones, each with how."""
    elsewhere = [other for other in pool if other.context != case.context]
    for how, text in answers.items():
        if how == "quoted":
            other = chance.choice(elsewhere)
            quote = fragment(case, other.sentence, chance)
            yield "quote", chance.choice(QUOTED[case.language]).format(quote)
            yield (
                "word in quote",
                chance.choice(QUOTED[case.language]).format(
                    one_word_changed(case, fragment(case, case.sentence, chance), other.sentence, chance)
                ),
            )
            continue
        if case.kind in ("number", "name") and case.answer in text:
            same = [other.answer for other in elsewhere if other.kind == case.kind and other.answer not in case.context]
            yield f"{case.kind} ({how})", text.replace(case.answer, chance.choice(same))
            if case.others and (how != "answered" or case.question.rstrip("?？؟ ") in text):
                yield f"{case.kind} near ({how})", text.replace(case.answer, chance.choice(case.others))
        if (numbers := NUMBER.findall(text)) and how != "answered":
            number = chance.choice(numbers)
            swapped = re.sub(rf"(?<!\d){re.escape(number)}(?!\d)", changed(number, chance), text, count=1)
            yield f"digits ({how})", swapped


def one_word_changed(case: Case, quote: str, other: str, chance: random.Random) -> str:
    if case.language == "zh":
        at = chance.randrange(1, max(len(quote) - 2, 2))
        return quote[:at] + "猫狗" + quote[at + 2 :]
    words = quote.split()
    new = [word for word in other.split() if word not in quote and len(word) > 3] or ["Katzen"]
    words[len(words) // 2] = re.sub(r"[“”„«»\".()]", "", chance.choice(new))
    return " ".join(words)


def changed(number: str, chance: random.Random) -> str:
    """A number with another digit at one place."""
    places = [n for n, c in enumerate(number) if c.isdigit()]
    at = chance.choice(places)
    digit = chance.choice([d for d in "123456789" if d != number[at]])
    return number[:at] + digit + number[at + 1 :]


def proved(case: Case, text: str) -> str:
    """Why a citation is doubted; empty if it is not. The paragraph is the passage."""
    found = check(cited(text), [Source(1, "document.txt", body=case.context, end=len(case.context))])
    return next((one.reason for one in found if not one.proved), "") if found else "no citation was found"


def measure(folder: Path, language: str, each: int, show: str, half: int) -> tuple[Counter, Counter]:
    """Counts of all and of doubted answers, by kind."""
    chance = random.Random(7)
    pool = cases(folder, language)
    chosen = [case for n, case in enumerate(pool) if half < 0 or n % 2 == half]
    chosen = chance.sample(chosen, min(each, len(chosen)))
    total: Counter = Counter()
    doubted: Counter = Counter()

    def note(right_or_wrong: str, kind: str, case: Case, text: str) -> None:
        why = proved(case, text)
        total[right_or_wrong, kind] += 1
        doubted[right_or_wrong, kind] += bool(why)
        if show and kind.startswith(show) and bool(why) == (right_or_wrong == "right"):
            print(f"{right_or_wrong} {kind}: {text}\n   {why}\n   {case.sentence}\n")

    for case in chosen:
        answers = dict(right(case, chance))
        for kind, text in answers.items():
            note("right", kind, case, text)
        for kind, text in wrong(case, answers, pool, chance):
            if normal(text) not in map(normal, answers.values()) and normal(text) not in normal(case.context):
                note("wrong", kind, case, text)
    return total, doubted


def normal(text: str) -> str:
    return re.sub(r"\W", "", text).casefold()


def report(language: str, total: Counter, doubted: Counter) -> None:
    for what, word in (("right", "doubted"), ("wrong", "caught")):
        all_of = sum(n for key, n in total.items() if key[0] == what)
        of_them = sum(n for key, n in doubted.items() if key[0] == what)
        print(f"{language}  {what:5}  {word} {of_them / max(all_of, 1):6.1%} of {all_of:,}")
        for key in sorted(key for key in total if key[0] == what):
            print(f"      {key[1]:28} {doubted[key] / total[key]:6.1%} of {total[key]:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=300, help="questions of each language")
    parser.add_argument("--half", type=int, default=-1, help="0 or 1: only every other question, to tune on one half")
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    parser.add_argument("--show", default="", help="print the mistakes of this kind")
    arguments = parser.parse_args()
    for language in arguments.languages.split(","):
        began: Callable[[], float] = time.perf_counter
        start = began()
        total, doubted = measure(arguments.folder, language, arguments.each, arguments.show, arguments.half)
        report(language, total, doubted)
        print(f"      {sum(total.values()) / (began() - start):,.0f} answers checked per second\n")


if __name__ == "__main__":
    main()
