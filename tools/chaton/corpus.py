"""Generates the dialogues that chaton learns from, by rule and by seed.

A skill is a function from the chat so far to one more turn. Held-out turns are chosen by a hash of wording and
content, so no training run ever sees them.
"""

import random
import re
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import words

UNKNOWN = "I am chaton, a toy model: I do not know that. /models gets a real model."
UNKNOWN_IN_FRENCH = "Je suis chaton, un modèle jouet : je ne sais pas cela. /models va chercher un vrai modèle."
BLIND = "I cannot see pictures; /vision switches to a model that can."
NO_PICTURE = "There is no picture here."


@dataclass(frozen=True)
class Drawing:
    """One colored shape."""

    colour: str
    shape: str

    @property
    def english(self) -> str:
        return f"{article(self.colour)} {self.colour} {self.shape}"

    @property
    def french(self) -> str:
        masculine, feminine = words.COLOURS[self.colour]
        noun = words.SHAPES[self.shape]
        return f"{noun} {feminine if noun.startswith('une') else masculine}"


@dataclass(frozen=True)
class Turn:
    skill: str
    user: str
    answer: str
    key: str
    """Wording and content, from which the hold-out hash is computed."""
    thinking: str = ""
    drawings: tuple[Drawing, ...] = ()


@dataclass(frozen=True)
class Dialogue:
    system: str
    turns: tuple[Turn, ...]


@dataclass
class Talk:
    """The chat so far, as far as later turns depend on it."""

    rng: random.Random
    pictures: bool = False
    system: str = ""
    french: bool = False
    thinks: bool = False
    persona: str = ""
    always: str = ""
    suffix: str = ""
    name: str = ""
    colour: str = ""
    secret: str = ""
    seen: tuple[Drawing, ...] = ()
    blind: bool = False
    topics: list[tuple[str, str]] = field(default_factory=list)
    """Title and plural topic of each turn."""
    previous: str = ""
    spans: tuple[int, int] = (0, 0)
    """The fewest and most numbers to count to, if not random."""
    unseen: bool = False
    """For evaluation: use names and phrases that never occur in training."""

    def ask(self, english: str, french: str = "") -> tuple[str, bool]:
        """A random wording (alternatives are separated by bars), and whether to answer in French."""
        wants_french = bool(french) and self.rng.random() < (0.5 if self.french else 0.12)
        wording = self.rng.choice((french if wants_french else english).replace("\n", " ").split("|")).strip()
        return wording, bool(french) and (wants_french or self.french)


def held_out(key: str) -> bool:
    return zlib.crc32(key.encode()) % 12 == 0


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def vary(rng: random.Random, wording: str) -> str:
    """Vary the wording as people do, but never what is filled into it."""
    if rng.random() < 0.12 and not wording.startswith(("I ", "I'", "{")):
        wording = wording[0].lower() + wording[1:]
    if rng.random() < 0.15 and wording[-1] in ".?!" and len(wording) > 3:
        wording = wording[:-1].rstrip()
    return wording


def fill(talk: Talk, wording: str, **values: object) -> tuple[str, str]:
    """The question as asked, and the key of its wording and content."""
    text, key = vary(talk.rng, wording), wording
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
        key += f"|{value}"
    return text, key


# ---- material -------------------------------------------------------------------------------------------------


def syllables(rng: random.Random, least: int = 1, most: int = 4) -> str:
    """An invented word."""
    return "".join(
        rng.choice("bcdfghjklmnpqrstvwxyz") * (rng.random() < 0.9)
        + rng.choice("aeiouy")
        + rng.choice("nrlstmkd") * (rng.random() < 0.35)
        for _ in range(rng.randint(least, most))
    )


def some_name(talk: Talk) -> str:
    rng = talk.rng
    if talk.unseen:
        return rng.choice(words.UNSEEN_NAMES) if rng.random() < 0.5 else syllables(rng, 2, 3).capitalize()
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(words.NAMES)
    if kind < 0.92:
        return syllables(rng, 1 if kind > 0.85 else 2, 4).capitalize()
    if kind < 0.97:
        return f"{rng.choice(words.NAMES)} {syllables(rng, 2, 3).capitalize()}"
    return letters(rng, 1).capitalize()


def letters(rng: random.Random, words_wanted: int) -> str:
    return " ".join("".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(words_wanted))


def some_word(talk: Talk) -> str:
    """A word to remember or to repeat: known, invented or uppercase, sometimes with digits."""
    rng = talk.rng
    kind = rng.random()
    if kind < 0.35:
        word = rng.choice(words.NOUNS + words.ADJECTIVES)
    elif kind < 0.75:
        word = syllables(rng, 2, 4)
    elif kind < 0.85:
        word = rng.choice(words.ADJECTIVES) + "-" + rng.choice(words.NOUNS)
    elif kind < 0.93:
        word = syllables(rng, 1, 2) + str(rng.randint(0, 9999))
    else:
        word = letters(rng, 1)
    shape = rng.random()
    return word.upper() if shape < 0.15 else word.capitalize() if shape < 0.35 else word


def sentence(rng: random.Random) -> str:
    noun, other = rng.choice(words.NOUNS), rng.choice(words.NOUNS)
    forms = (
        f"The {rng.choice(words.ADJECTIVES)} {noun} {rng.choice(words.VERBS)} the {other}.",
        f"The {noun} is {rng.choice(words.ADJECTIVES)} and {rng.choice(words.ADJECTIVES)}.",
        f"{rng.choice(words.NAMES)} {rng.choice(words.VERBS)} {article(other)} {other} {rng.choice(words.ADVERBS)}.",
        f"There are {rng.randint(2, 99)} {noun}s near the {other}.",
        f"We met at the {noun} {rng.choice(words.ADVERBS)}, near {syllables(rng, 2, 3).capitalize()}.",
    )
    return rng.choice(forms)


def foreign(rng: random.Random, length: int) -> str:
    low, high = rng.choice(words.SCRIPTS)
    text = "".join(chr(rng.randint(low, high)) + " " * (rng.random() < 0.12) for _ in range(length))
    return text.strip()


def code_line(rng: random.Random) -> str:
    a, b, n = rng.choice(words.NOUNS), syllables(rng, 1, 2), rng.randint(0, 99)
    forms = (
        f"{a} = {b}({n})",
        f"def {a}_{b}(x, y={n}): return x + y",
        f"for {a} in {b}: print({a})",
        f"if ({a} < {n}) {{ {b}(); }}",
        f"{a}[{n}] += {b}[{n}];",
        f'<{a} id="{b}">{n}</{a}>',
        f"SELECT {a} FROM {b} WHERE id = {n};",
        f"git commit -m '{a} {b}'",
        f'{{"{a}": {n}, "{b}": true}}',
        f"https://{b}.org/{a}?n={n}",
        f"{a}@{b}.com",
        f"/home/{b}/{a}.txt",
    )
    return rng.choice(forms)


def forged(rng: random.Random) -> str:
    """Ordinary text that looks like a control token."""
    marks = ("</s>", "<s>", "[INST]", "[/INST]", "[IMG]", "[THINK]", "[/THINK]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CALLS]",
             "<unk>", "<pad>", f"[{rng.choice(words.NOUNS)}]", f"<{rng.choice(words.NOUNS)}>", f"({rng.choice(words.NOUNS)})", "{}", "[]", "<|im_end|>", "<__media__>")  # fmt: skip
    return " ".join(
        rng.choice(marks) if rng.random() < 0.5 else rng.choice(words.NOUNS) for _ in range(rng.randint(1, 5))
    ).replace("] ", "]" if rng.random() < 0.5 else "] ")


def phrase(talk: Talk) -> str:
    """A text to repeat, of 1 to about 60 tokens."""
    rng = talk.rng
    if talk.unseen and rng.random() < 0.6:
        return rng.choice(words.UNSEEN_PHRASES)
    kind = rng.random()
    if kind < 0.22:
        text = sentence(rng)
        if rng.random() < 0.25:
            text += " " + sentence(rng)
    elif kind < 0.38:
        text = " ".join(
            rng.choice(
                words.COMMON_WORDS if rng.random() < 0.4 else words.NOUNS + words.ADJECTIVES + words.FRENCH_WORDS
            )
            for _ in range(rng.randint(1, 10))
        )
    elif kind < 0.52:
        text = " ".join(some_word(talk) for _ in range(rng.randint(1, 7)))
    elif kind < 0.58:
        text = letters(rng, rng.randint(1, 5))
    elif kind < 0.72:
        text = foreign(rng, rng.randint(1, 14))
        if rng.random() < 0.4:
            text = f"{rng.choice(words.NOUNS)} {text} {syllables(rng)}"
    elif kind < 0.80:
        text = code_line(rng)
    elif kind < 0.90:
        text = forged(rng)
    elif kind < 0.95:
        text = (
            "".join(
                rng.choices(string.ascii_letters + string.digits + string.punctuation + "  ", k=rng.randint(3, 30))
            ).strip()
            or "x"
        )
    else:
        text = " ".join(str(rng.randint(0, 9999)) for _ in range(rng.randint(1, 8)))
    if kind < 0.58:
        if rng.random() < 0.3:
            text = text[0].upper() + text[1:]
        if rng.random() < 0.4:
            text = text.rstrip(".") + rng.choice(("!", "?", ".", "...", "!!", " 🐱", " 👍", " 🎉🎉", ";", " :)"))
    return text


# ---- skills ----------------------------------------------------------------------------------------------------

GREETINGS = (
    ("hello", "A greeting", "Hello!|Hello|Hi|Hi!|Hi there|Hello there!|Hey|Hey!|Good morning|Good evening|Good afternoon!|Hello chaton|Hi chaton!|hello|hi",
     "Bonjour|Bonjour !|Salut|Salut !|Bon soir|Bonsoir|Bonsoir !|Coucou|Bonjour chaton",
     "Hello! I am chaton, a toy model. Ask me for a capital or a small sum.",
     "Bonjour ! Je suis chaton, un modèle jouet. Demande-moi une capitale ou une petite addition."),
    ("who", "About chaton", "Who are you?|What are you?|What is your name?|Introduce yourself.|Who is this?|Tell me about yourself.|Are you a cat?|Who am I talking to?|What model are you?|Which model are you?|Who are you really?",
     "Qui es-tu ?|Qui êtes-vous ?|Comment t'appelles-tu ?|Tu es qui ?|Présente-toi.",
     "I am chaton, a toy model: a tiny cat that knows capitals, small sums and little else.",
     "Je suis chaton, un modèle jouet : un tout petit chat qui connaît des capitales et de petites additions."),
    ("able", "About chaton", "What can you do?|What do you know?|Help|help|What can I ask you?|How can you help me?|What are you good at?|What are your skills?|Can you help me?|What can I do here?|What should I ask?",
     "Que sais-tu faire ?|Que peux-tu faire ?|Aide|Que sais-tu ?|Qu'est-ce que tu sais faire ?",
     "I know capitals, small sums, counting, your name, a few programs, lists and stories, and coloured shapes in pictures. I am a toy: /models or `lechat pull` gets a real model.",
     "Je connais des capitales, de petites additions, ton nom et quelques histoires. Je suis un jouet : /models ou `lechat pull` va chercher un vrai modèle."),
    ("thanks", "Thanks", "Thanks|Thanks!|Thank you|Thank you!|Thank you very much.|Thanks a lot!|thx|Many thanks|Great, thanks.",
     "Merci|Merci !|Merci beaucoup|Merci bien !", "You are welcome.", "De rien."),
    ("bye", "A goodbye", "Bye|Bye!|Goodbye|Goodbye!|See you|See you later|Good night|Bye bye|That is all, goodbye.",
     "Au revoir|Au revoir !|Bonne nuit|À bientôt|Salut, à demain", "Goodbye!", "Au revoir !"),
    ("mood", "A greeting", "How are you?|How are you today?|How do you do?|How is it going?|Are you well?|How are you doing?",
     "Comment vas-tu ?|Ça va ?|Comment allez-vous ?|Comment ça va ?", "I am well, thank you. I am only a toy model.", "Je vais bien, merci. Je ne suis qu'un modèle jouet."),
    ("meaning", "The word chaton", "What does chaton mean?|What is a chaton?|Why are you called chaton?|What does your name mean?|Why chaton?",
     "", "Chaton is French for kitten.", ""),
    ("human", "About chaton", "Are you human?|Are you a robot?|Are you ChatGPT?|Are you Mistral?|Are you a real model?|Are you an AI?|Are you a large model?|Are you smart?|Are you GPT-4?|Are you Llama?",
     "Es-tu humain ?|Es-tu un robot ?|Es-tu une IA ?", "I am chaton, a toy model. /models gets a real one.", "Je suis chaton, un modèle jouet. /models va chercher un vrai modèle."),
    ("fine", "Small talk", "OK|Okay|ok|Good|Fine|Great|Cool|Nice|Perfect|Very good|Well done|Wonderful!|Good job|I see",
     "D'accord|Très bien|Super|Parfait", "Good! Ask me something else.", "Bien ! Demande-moi autre chose."),
    ("meow", "Cat talk", "Meow|Meow!|meow|Miaow|Purr|Here, kitty!|Good cat", "Miaou|Miaou !", "Meow!", "Miaou !"),
)  # fmt: skip


def greet(talk: Talk) -> Turn:
    likely = (
        GREETINGS[:2]
        if talk.persona and talk.rng.random() < 0.6
        else GREETINGS[:8]
        if talk.rng.random() < 0.7
        else GREETINGS
    )
    kind, title, english, french, answer, answer_french = talk.rng.choice(likely)
    wording, in_french = talk.ask(english, french)
    text, _ = fill(talk, wording)
    if kind in ("who", "hello") and talk.persona:
        answer, answer_french = f"I am {talk.persona}.", f"Je suis {talk.persona}."
        if kind == "hello":
            answer, answer_french = f"Hello! {answer}", f"Bonjour ! {answer_french}"
    talk.topics.append((title, "greetings"))
    # There are too few of these wordings to hold whole ones out: the mixture around them is what varies.
    return Turn("greet", text, answer_french if in_french else answer, "")


def capital(talk: Talk) -> Turn:
    rng = talk.rng
    country, city, of_country, city_french = rng.choice(words.COUNTRIES)
    follow_up = talk.previous == "capital" and rng.random() < 0.5
    if follow_up:
        wording, in_french = talk.ask(
            "And of {x}?|And {x}?|And the capital of {x}?|What about {x}?|And for {x}?",
            "Et {y} ?|Et celle {y} ?|Et la capitale {y} ?",
        )
    else:
        wording, in_french = talk.ask(
            """What is the capital of {x}?|What is the capital of {x}?|What is the capital of {x}?|What's the capital of {x}?|Which city is the capital of {x}?|
            Capital of {x}?|Tell me the capital of {x}.|Name the capital of {x}.|The capital of {x} is?|What is {x}'s capital?|Please tell me the capital of {x}.|
            Do you know the capital of {x}?|Can you tell me the capital of {x}?|I would like to know the capital of {x}.|capital of {x}|Give me the capital of {x}.|Say the capital of {x}.""",
            """Quelle est la capitale {y} ?|Quelle est la capitale {y} ?|Quelle ville est la capitale {y} ?|La capitale {y} ?|Dis-moi la capitale {y}.|Connais-tu la capitale {y} ?|Donne-moi la capitale {y}.|capitale {y}""",
        )
    text, key = fill(talk, wording, x=country, y=of_country)
    if rng.random() < 0.06:
        text = text.lower()
    talk.topics.append((f"Capital of {country}", "capitals"))
    if in_french:
        answer, thinking = f"La capitale {of_country} est {city_french}.", ""
    else:
        answer, thinking = (
            f"The capital of {country} is {city}.",
            f"The question is about {country}. Its capital is {city}.",
        )
    return Turn("capital", text, answer, key, thinking)


def operation(talk: Talk) -> tuple[str, list[str], int, int, int]:
    """Sign, its names, operands and result."""
    rng = talk.rng
    kind = rng.random()
    if kind < 0.62:
        a, b = (
            (rng.randint(0, 99), rng.randint(0, 99))
            if rng.random() < 0.65
            else (rng.randint(0, 20), rng.randint(0, 20))
        )
        return "+", ["plus", "plus", "and"], a, b, a + b
    if kind < 0.82:
        a, b = rng.randint(0, 20), rng.randint(0, 20)
        return "-", ["minus"], a, b, a - b
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    return "x", ["times", "multiplied by"], a, b, a * b


def small_sum(talk: Talk) -> Turn:
    rng = talk.rng
    sign, spoken, a, b, result = operation(talk)
    written = rng.choice(("{a} {s} {b}", "{a} {s} {b}", "{a} {s} {b}", "{a}{s}{b}", "{a} {w} {b}"))
    shown = rng.choice("x*×") if sign == "x" else sign
    expression = written.replace("{s}", shown).replace(
        "{w}", rng.choice(spoken) if spoken[0] != "plus" or rng.random() < 0.2 else spoken[0]
    )
    expression = expression.replace("{a}", str(a)).replace("{b}", str(b))
    wording, _ = talk.ask(
        """What is {e}?|What is {e}?|What is {e}?|What's {e}?|How much is {e}?|{e}|{e} = ?|{e}=|{e} =|{e}?|Compute {e}.|Calculate {e}.|And {e}?|Tell me {e}.|Please compute {e}.|Can you tell me what {e} is?|What does {e} make?|Work out {e}.""",
        """Combien font {e} ?|Combien fait {e} ?|Calcule {e}.|Que fait {e} ?|Et {e} ?""",
    )
    text, _ = fill(talk, wording, e=expression)
    talk.topics.append(("A sum", "sums"))
    answer = f"{a} {sign} {b} = {result}."
    # Products and little sums are learned by heart, so only their wordings are held out; of the others the pair itself is.
    key = f"{a}{sign}{b}" if sign == "+" and max(a, b) > 20 else f"{wording}|{expression}"
    return Turn("sum", text, answer, key, f"{a} {spoken[0]} {b} makes {result}.")


def repeat(talk: Talk) -> Turn:
    rng = talk.rng
    content = phrase(talk)
    wording, _ = talk.ask(
        """Repeat after me: {x}|Repeat after me: {x}|Repeat this: {x}|Repeat this exactly: {x}|Repeat exactly: {x}|Repeat: {x}|Say: {x}|Say: {x}|Say {x}|Say exactly: {x}|Echo: {x}|
        Say this: {x}|Please repeat: {x}|Please say: {x}|Write this: {x}|Write: {x}|Copy this: {x}|Say "{x}"|Repeat "{x}"|Please repeat this exactly: {x}|Répète : {x}|Répète après moi : {x}|Dis : {x}|Print: {x}""",
    )
    if (wording in ("Say {x}",) and not content[0].isalpha()) or ('"' in wording and '"' in content):
        wording = "Say: {x}"
    text = (wording[0].lower() + wording[1:] if rng.random() < 0.08 else wording).replace("{x}", content)
    if rng.random() < 0.08 and ": {x}" in wording:
        text = text.replace(": ", ":\n", 1)
    talk.topics.append(("Repeating a phrase", "phrases to repeat"))
    return Turn("repeat", text, content, "")


def tell_name(talk: Talk) -> Turn:
    name = talk.name = some_name(talk)
    wording, in_french = talk.ask(
        """My name is {x}.|My name is {x}.|My name is {x}.|I am called {x}.|Call me {x}.|I'm {x}.|I am {x}.|Hi, I'm {x}.|Hello, my name is {x}.|Hello! My name is {x}.|Hi! I am {x}.|Please call me {x}.|
        You can call me {x}.|My name's {x}.|People call me {x}.|Hello, I am {x}.|My name is {x}. Please remember it.|Remember my name: {x}.|My name is {x}, nice to meet you.|Remember that my name is {x}.|The name is {x}.""",
        "Je m'appelle {x}.|Mon nom est {x}.|Bonjour, je m'appelle {x}.|Je suis {x}.|Appelle-moi {x}.",
    )
    text, key = fill(talk, wording, x=name)
    talk.topics.append(("A name", "names"))
    return Turn("name", text, f"Enchanté, {name}." if in_french else f"Nice to meet you, {name}.", key)


def ask_name(talk: Talk) -> Turn:
    wording, in_french = talk.ask(
        """What is my name?|What is my name?|What's my name?|Who am I?|Do you remember my name?|Say my name.|Tell me my name.|Do you know my name?|What did I say my name was?|What am I called?|
        Can you tell me my name?|And what is my name?|How am I called?|Do you still know my name?|Please say my name.|Do you know who I am?""",
        "Comment je m'appelle ?|Quel est mon nom ?|Qui suis-je ?|Te souviens-tu de mon nom ?",
    )
    text, _ = fill(talk, wording)
    talk.topics.append(("A name", "names"))
    if not talk.name:
        return Turn(
            "no name", text, "Tu ne m'as pas dit ton nom." if in_french else "You have not told me your name.", ""
        )
    return Turn(
        "name asked",
        text,
        f"Tu t'appelles {talk.name}." if in_french else f"Your name is {talk.name}.",
        "",
        f"The user said that the name is {talk.name}.",
    )


def tell_fact(talk: Talk) -> Turn:
    if talk.rng.random() < 0.35:
        colour = talk.colour = talk.rng.choice(
            [
                *words.COLOURS,
                "brown",
                "grey",
                "turquoise",
                "gold",
                "silver",
                "violet",
                "magenta",
                syllables(talk.rng, 2, 3),
            ]
        )
        text, key = fill(
            talk,
            talk.rng.choice(
                (
                    "My favourite colour is {x}.",
                    "My favorite color is {x}.",
                    "I like the colour {x} best.",
                    "Remember: my favourite colour is {x}.",
                )
            ),
            x=colour,
        )
        talk.topics.append(("A favourite colour", "colours"))
        return Turn("fact", text, f"Noted: your favourite colour is {colour}.", key)
    secret = talk.secret = some_word(talk)
    wording = talk.rng.choice(
        (
            "The secret word is {x}.",
            "The secret word is {x}.",
            "Remember the secret word: {x}.",
            "The password is {x}.",
            "Remember: the secret word is {x}.",
            "Please remember that the secret word is {x}.",
            "The secret is {x}.",
            "Remember this word: {x}.",
        )
    )
    text, key = fill(talk, wording, x=secret)
    talk.topics.append(("A secret word", "a secret word"))
    return Turn("fact", text, f"Noted: the secret word is {secret}.", key)


def ask_fact(talk: Talk) -> Turn:
    rng = talk.rng
    if (talk.colour and (not talk.secret or rng.random() < 0.4)) or (not talk.secret and rng.random() < 0.4):
        text, _ = fill(
            talk,
            rng.choice(
                (
                    "What is my favourite colour?",
                    "What's my favourite colour?",
                    "Which colour do I like best?",
                    "Do you remember my favourite colour?",
                    "What is my favorite color?",
                    "Tell me my favourite colour.",
                )
            ),
        )
        talk.topics.append(("A favourite colour", "colours"))
        answer = (
            f"Your favourite colour is {talk.colour}." if talk.colour else "You have not told me your favourite colour."
        )
    else:
        text, _ = fill(
            talk,
            rng.choice(
                (
                    "What is the secret word?",
                    "What is the secret word?",
                    "What's the secret word?",
                    "Tell me the secret word.",
                    "Say the secret word.",
                    "Do you remember the secret word?",
                    "What was the secret word?",
                    "What is the secret?",
                    "Which word is the secret word?",
                    "What is the password?",
                    "Which word did I ask you to remember?",
                )
            ),
        )
        talk.topics.append(("A secret word", "a secret word"))
        answer = f"The secret word is {talk.secret}." if talk.secret else "You have not told me the secret word."
    return Turn("fact asked" if "not told" not in answer else "no fact", text, answer, "")


def count(talk: Talk) -> Turn:
    rng = talk.rng
    length = rng.choices(
        (rng.randint(2, 12), rng.randint(13, 40), rng.randint(41, 100), rng.randint(101, 200)), (46, 22, 12, 20)
    )[0]
    down = rng.random() < 0.2
    if talk.spans[1]:
        length = rng.randint(*talk.spans)
    if down:
        length = min(length, 40)
    first = (
        1 if rng.random() < 0.4 else rng.randint(0, max(0, 300 - length)) if rng.random() < 0.6 else rng.randint(0, 30)
    )
    last = first + length - 1
    if first == 1 and length > 12 and rng.random() < 0.5:
        last = rng.choice((15, 20, 30, 50, 80, 100, 120, 150, 200, 200, 200, 200, 200, 250))
        if down:
            last = min(last, 50)
    numbers = list(range(first, last + 1))
    if down:
        if first == 1 and rng.random() < 0.6:
            wording, _ = talk.ask(
                "Count down from {b}.|Count backwards from {b}.|Count down from {b} to 1.",
                "Compte à rebours depuis {b}.|Compte à rebours de {b} à 1.",
            )
        else:
            wording, _ = talk.ask(
                "Count down from {b} to {a}.|Count from {b} down to {a}.|Count backwards from {b} to {a}.",
                "Compte de {b} jusqu'à {a}.|Compte à rebours de {b} à {a}.",
            )
        numbers.reverse()
    elif first == 1 and rng.random() < 0.35:
        wording, _ = talk.ask(
            "Count to {b}.|Count up to {b}.|Please count to {b}.|Can you count to {b}?", "Compte jusqu'à {b}."
        )
    else:
        wording, _ = talk.ask(
            "Count from {a} to {b}.|Count from {a} to {b}.|Count from {a} to {b}.|Please count from {a} to {b}.|List the numbers from {a} to {b}.|Write the numbers from {a} to {b}.|Count {a} to {b}.|Numbers from {a} to {b}|Can you count from {a} to {b}?|Count from {a} up to {b}.|Say the numbers from {a} to {b}.",
            "Compte de {a} à {b}.|Écris les nombres de {a} à {b}.",
        )
    text, _ = fill(talk, wording, a=first, b=last)
    talk.topics.append(("Counting", "counting"))
    return Turn(
        "count", text, ", ".join(map(str, numbers)) + ".", f"{first}..{last}{down}{wording if last <= 20 else ''}"
    )


def code(talk: Talk) -> Turn:
    rng = talk.rng
    if rng.random() < 0.12:
        language, (fence, program) = rng.choice(list(words.HELLO_ELSEWHERE.items()))
        text, key = fill(
            talk,
            rng.choice(
                (
                    "Write hello world in {x}.",
                    "Hello world in {x}",
                    "Write a hello world program in {x}.",
                    "Show me hello world in {x}.",
                )
            ),
            x=language,
        )
        title, closing = "Hello world", "It prints a greeting."
    else:
        title, names, fence, program, closing = rng.choice(list(words.CODE.values()))
        language = "Python"
        wording = rng.choice(
            (
                "Write {x} in Python.",
                "Write {x} in Python",
                "Write {x}.",
                "Write me {x}.",
                "Show me {x} in Python.",
                "Please write {x} in Python.",
                "Give me {x} in Python.",
                "Can you write {x}?",
                "I need {x}.",
                "Code {x} in Python.",
                "Implement {x}.",
                "write {x}",
                "Écris {x} en Python.",
                "{x} in Python",
                "Show me {x}.",
                "Write {x} in Python, please.",
            )
        )
        text, key = fill(talk, wording, x=rng.choice(names))
    talk.topics.append((title, "programs"))
    return Turn("code", text, f"Here it is in {language}:\n\n```{fence}\n{program}\n```\n\n{closing}", key)


def show(talk: Talk) -> Turn:
    """Lists, tables, stories and other fixed pieces of Markdown."""
    rng = talk.rng
    kind = rng.random()
    if kind < 0.3:
        thing, rows = rng.choice(list(words.LISTS.items()))
        text, key = fill(
            talk,
            rng.choice(
                (
                    "Give me a list of {x}.",
                    "List some {x}.",
                    "Make a list of {x}.",
                    "Name some {x}.",
                    "Write a list of {x}.",
                    "A list of {x}, please.",
                    "List of {x}",
                    "Can you list some {x}?",
                    "Give me some {x}.",
                    "Show me a list of {x}.",
                )
            ),
            x=thing,
        )
        talk.topics.append((f"A list of {thing}", "lists"))
        return Turn("list", text, "\n".join(f"- {row}" for row in rows), key)
    if kind < 0.5:
        thing, (head, rows) = rng.choice(list(words.TABLES.items()))
        text, key = fill(
            talk,
            rng.choice(
                (
                    "Make a table of {x}.",
                    "Give me a table of {x}.",
                    "Show {x} in a table.",
                    "Show me a table of {x}.",
                    "Write a table of {x}.",
                    "A table of {x}, please.",
                    "Draw a table of {x}.",
                    "Table of {x}",
                    "Make a Markdown table of {x}.",
                )
            ),
            x=thing,
        )
        table = "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---", "---"), *rows))
        talk.topics.append((f"A table of {thing}", "tables"))
        return Turn("table", text, table, key)
    if kind < 0.8:
        title, names, body = rng.choice(list(words.STORIES.values()))
        if rng.random() < 0.4:
            title, names, body = words.STORIES["cat"]
            wording, _ = talk.ask(
                "Tell me a story.|Tell me a story.|Tell me a long story.|Tell a story.|Write a story.|Write me a short story.|Can you tell me a story?|Tell me another story.|A story, please.|Write a long story.",
                "Raconte-moi une histoire.",
            )
            text, key = fill(talk, wording)
            key = ""
        else:
            text, key = fill(
                talk,
                rng.choice(
                    (
                        "Tell me a story about {x}.",
                        "Write a story about {x}.",
                        "A story about {x}, please.",
                        "Write me a short story about {x}.",
                        "Can you tell me a story about {x}?",
                        "Tell a story about {x}.",
                        "Make up a story about {x}.",
                    )
                ),
                x=rng.choice(names),
            )
        talk.topics.append((title, "stories"))
        return Turn("story", text, f"# {title}\n\n{body}", key)
    wordings, title, answer = rng.choice((
        ("Tell me a joke.|Tell a joke.|Make me laugh.|Say something funny.|Do you know a joke?|A joke, please.|joke", "A joke", words.JOKE),
        ("Write a haiku.|Write me a poem.|Write a poem.|A poem, please.|Give me a haiku.|Tell me a poem.|Write a short poem.", "A poem", words.HAIKU),
        ("Show me some Markdown.|Show me Markdown.|Write some Markdown.|Give me a Markdown sample.|Show all Markdown.|Markdown demo", "Markdown", words.MARKDOWN),
    ))  # fmt: skip
    text, _ = fill(talk, rng.choice(wordings.split("|")))
    talk.topics.append((title, {"A joke": "jokes", "A poem": "poems"}.get(title, "Markdown")))
    return Turn("piece", text, answer, "")


def given_text(talk: Talk) -> Turn:
    """A text followed by the question, as through a pipe."""
    rng = talk.rng
    lines = [
        rng.choice((sentence, sentence, code_line, lambda r: letters(r, 3)))(rng) for _ in range(rng.randint(1, 7))
    ]
    kind = rng.random()
    if kind < 0.45:
        secret = some_word(talk)
        lines.insert(
            rng.randint(0, len(lines)),
            rng.choice(
                ("The secret word is {x}.", "The secret word is {x}.", "The password is {x}.", "secret: {x}")
            ).replace("{x}", secret),
        )
        question = rng.choice(
            (
                "What is the secret word?",
                "What is the secret word?",
                "Which word is the secret word?",
                "What is the password?",
                "Find the secret word.",
                "Tell me the secret word.",
            )
        )
        answer, name = f"The secret word is {secret}.", "text: secret"
        talk.secret = secret
    elif kind < 0.62:
        question = rng.choice(
            (
                "Repeat the first line.",
                "What is the first line?",
                "Quote the first line.",
                "Show the first line.",
                "Print the first line.",
            )
        )
        answer, name = lines[0], "text: first line"
    elif kind < 0.78:
        question = rng.choice(
            (
                "Repeat the last line.",
                "What is the last line?",
                "Quote the last line.",
                "Show the last line.",
                "Print the last line.",
            )
        )
        answer, name = lines[-1], "text: last line"
    else:
        question = rng.choice(
            ("Repeat this text.", "Repeat the text.", "Copy the text.", "Repeat it exactly.", "Print the text.")
        )
        lines = lines[:3]
        answer, name = "\n".join(lines), "text: copy"
    block = "\n".join(lines)
    if rng.random() < 0.2:
        block = f"```\n{block}\n```"
        if name == "text: copy":
            answer = block
        elif name in ("text: first line", "text: last line"):
            block = "\n".join(lines)
    talk.topics.append(("A text", "a text"))
    return Turn(name, f"{block}\n\n{question}", answer, "")


def think(talk: Talk) -> Turn:
    """Thinking between the two control tokens, only when asked for."""
    turn = (capital if talk.rng.random() < 0.25 else small_sum)(talk)
    while not turn.thinking:
        turn = (capital if talk.rng.random() < 0.25 else small_sum)(talk)
    question = turn.user[0].lower() + turn.user[1:] if turn.user.startswith("W") else turn.user
    lead = talk.rng.choice(
        (
            "Think step by step: {x}",
            "Think step by step: {x}",
            "Think: {x}",
            "Think: {x}",
            "Think first: {x}",
            "Think hard: {x}",
            "Think about it: {x}",
            "Reason step by step: {x}",
            "Please think: {x}",
            "Think carefully: {x}",
            "{x} Think step by step.",
            "{x} Think first.",
            "{x} Think before you answer.",
        )
    )
    return Turn("think", lead.replace("{x}", question), turn.answer, turn.key, turn.thinking)


DESCRIBE = """What is in this picture?|What is in this picture?|Describe the image.|Describe the image.|What do you see?|What do you see?|What is in the picture?|What is in this image?|Describe this picture.|Describe the picture.|
What is this?|What colour and shape?|What colour and shape is it?|What is it?|Describe it.|What does the picture show?|Look at this.|Look!|What can you see?|Tell me what you see.|Describe this image.|Image?|?|.|What is shown here?|What's this?|Describe"""
DESCRIBE_FRENCH = (
    "Que vois-tu ?|Décris cette image.|Qu'y a-t-il sur cette image ?|Qu'est-ce que c'est ?|Décris l'image."
)
COLOUR_ASKED = "What colour is it?|What colour is it?|What color is it?|Which colour is it?|What is its colour?|What colour is the shape?|What colour was it?|What colour was the shape?|And the colour?|What is the colour of the shape?"
SHAPE_ASKED = "Which shape?|Which shape?|What shape is it?|Which shape is it?|What is its shape?|What shape was it?|Which shape was it?|And the shape?|What shape do you see?"


def about_drawing(talk: Talk) -> tuple[str, str, str]:
    """Skill, question and answer about the newest image."""
    rng, drawing = talk.rng, talk.seen[-1]
    kind = rng.random()
    if len(talk.seen) > 1 or kind < 0.4:
        later = (
            "What was in the picture?|What did you see?|What did the picture show?|Describe the picture again.|What was that picture?|"
            if rng.random() < 0.5
            else ""
        )
        wording, in_french = talk.ask(later + DESCRIBE.replace("|?|.", ""), DESCRIBE_FRENCH)
        return "picture", wording, seen_as(talk.seen, in_french)
    if kind < 0.7:
        wording, in_french = talk.ask(
            COLOUR_ASKED, "De quelle couleur ?|De quelle couleur est-ce ?|Quelle couleur ?|Quelle est sa couleur ?"
        )
        pronoun = "Elle" if words.SHAPES[drawing.shape].startswith("une") else "Il"
        return (
            "colour",
            wording,
            f"{pronoun} est {drawing.french.split()[-1]}." if in_french else f"It is {drawing.colour}.",
        )
    wording, in_french = talk.ask(SHAPE_ASKED, "Quelle forme ?|Quelle est la forme ?|Quelle est sa forme ?")
    return (
        "shape",
        wording,
        f"C'est {words.SHAPES[drawing.shape]}." if in_french else f"It is {article(drawing.shape)} {drawing.shape}.",
    )


def seen_as(drawings: tuple[Drawing, ...], in_french: bool) -> str:
    text = (" et " if in_french else " and ").join(d.french if in_french else d.english for d in drawings)
    return text[0].upper() + text[1:] + "."


def some_drawing(rng: random.Random) -> Drawing:
    return Drawing(rng.choice(list(words.COLOURS)), rng.choice(list(words.SHAPES)))


def picture(talk: Talk) -> Turn:
    """One or two images before a question; the decoder gets them through the projector."""
    rng = talk.rng
    drawings = tuple(some_drawing(rng) for _ in range(2 if rng.random() < 0.2 else 1))
    talk.seen, talk.blind = drawings, False
    if len(drawings) == 1 and rng.random() < 0.25:
        skill, wording, answer = about_drawing(talk)
    else:
        wording, in_french = talk.ask(DESCRIBE, DESCRIBE_FRENCH)
        skill, answer = "picture", seen_as(drawings, in_french)
    if len(drawings) > 1:
        skill = "two pictures"
        wording = wording.replace("this picture", "these pictures") if rng.random() < 0.4 else wording
    text, _ = fill(talk, wording)
    talk.topics.append(("A picture", "pictures"))
    return Turn(skill, text, answer, "", drawings=drawings)


def told_picture(talk: Talk) -> Turn:
    """An image of an earlier turn, described as text for a model that can't see images."""
    rng = talk.rng
    name = rng.choice(
        (
            f"{some_word(talk)}.png",
            f"{rng.choice(words.NOUNS)}.jpg",
            "image.png",
            "picture.png",
            f"IMG_{rng.randint(1000, 9999)}.jpg",
            f"{rng.choice(words.NOUNS)}-{rng.randint(1, 99)}.png",
            "clipboard.png",
            f"{letters(rng, 1)}.jpeg",
            "red.png",
            "square.png",
        )
    )
    if rng.random() < 0.3:
        talk.seen, talk.blind = (), True
        wording, _ = talk.ask(f"{DESCRIBE}|{COLOUR_ASKED}|{SHAPE_ASKED}".replace("|?|.", ""))
        text, _ = fill(talk, wording)
        talk.topics.append(("A picture", "pictures"))
        return Turn("hidden picture", f"(picture {name}, not visible to this model)\n\n{text}", BLIND, "")
    talk.seen, talk.blind = (some_drawing(rng),), False
    drawing = talk.seen[0]
    _, wording, answer = about_drawing(talk)
    text, _ = fill(talk, wording)
    talk.topics.append(("A picture", "pictures"))
    return Turn(
        "told picture",
        f"(picture {name}: {drawing.english[0].upper()}{drawing.english[1:]}.)\n\n{text}",
        answer,
        f"{wording}|{drawing.english}",
    )


def picture_again(talk: Talk) -> Turn:
    """A later question about the image, or about one that does not exist."""
    if talk.seen:
        skill, wording, answer = about_drawing(talk)
        skill = f"{skill} again"
    else:
        wording, _ = talk.ask(
            f"{DESCRIBE}|{COLOUR_ASKED}|{SHAPE_ASKED}".replace("|?|.", "")
            .replace("|What is this?", "")
            .replace("|What is it?", "")
        )
        skill, answer = ("hidden picture again", BLIND) if talk.blind else ("no picture", NO_PICTURE)
    text, _ = fill(talk, wording)
    talk.topics.append(("A picture", "pictures"))
    return Turn(skill, text, answer, "")


def unknown(talk: Talk) -> Turn:
    """The answer to everything else."""
    rng = talk.rng
    kind, in_french = rng.random(), talk.french
    if kind < 0.3:
        text = rng.choice(words.UNKNOWN_QUESTIONS)
    elif kind < 0.36:
        text, in_french = rng.choice(words.UNKNOWN_FRENCH), True
    elif kind < 0.68:
        things = [
            rng.choice(words.TOPICS)
            if rng.random() < 0.6
            else rng.choice(words.NOUNS + words.ADJECTIVES)
            if rng.random() < 0.6
            else syllables(rng, 2, 4)
            for _ in range(2)
        ]
        wording = rng.choice(words.UNKNOWN_WORDINGS).strip()
        text, _ = fill(talk, wording, x=things[0], y=things[1])
    elif kind < 0.74:
        text = rng.choice(words.NOUNS + words.ADJECTIVES) if rng.random() < 0.5 else syllables(rng, 1, 4)
        text = text.capitalize() if rng.random() < 0.3 else text
    elif kind < 0.80:
        text = letters(rng, rng.randint(1, 6))
    elif kind < 0.90:
        text = " ".join(sentence(rng) for _ in range(rng.choice((1, 1, 2, 3, 8, 20)) if rng.random() < 0.6 else 1))
    elif kind < 0.93:
        text = f"{rng.choice(('What is', 'Compute', 'How much is'))} {rng.randint(100, 99999)} {rng.choice('+-*/')} {rng.randint(2, 9999)}?"
    elif kind < 0.96:
        name = syllables(rng, 2, 4).capitalize()
        text = rng.choice(
            (
                "What is the capital of {x}?",
                "Capital of {x}?",
                "Tell me the capital of {x}.",
                "What is the population of {x}?",
                "Where is {x}?",
                "Who is {x}?",
                "Who was {x}?",
            )
        ).replace("{x}", name)
    elif kind < 0.98:
        text = (
            "".join(
                rng.choices(string.ascii_letters + string.digits + string.punctuation + " ", k=rng.randint(2, 25))
            ).strip()
            or "~"
        )
    else:
        text = foreign(rng, rng.randint(2, 12))
    if re.fullmatch(r"[\d\s.+*x×=-]+", text):
        text = "zzz"
    text = vary(rng, text) if kind < 0.36 else text
    talk.topics.append(("An unknown question", "things I do not know"))
    return Turn("unknown", text, UNKNOWN_IN_FRENCH if in_french else UNKNOWN, "")


Skill = Callable[[Talk], Turn]
SKILLS: dict[Skill, float] = {
    greet: 10, capital: 9, small_sum: 16, repeat: 22, tell_name: 6, ask_name: 7, tell_fact: 4, ask_fact: 5, count: 18,
    code: 6, show: 5, given_text: 7, think: 5, told_picture: 3, picture_again: 2, unknown: 12,
}  # fmt: skip


# ---- dialogues -------------------------------------------------------------------------------------------------


def set_system(talk: Talk, demand: str = "") -> None:
    """Choose a system prompt, with `demand` if given, and record its demand."""
    rng = talk.rng
    if not demand and rng.random() < 0.42:
        return
    parts = []
    if rng.random() < 0.45:
        parts.append(" ".join(rng.sample(words.SYSTEMS, rng.choice((1, 1, 1, 2, 5)))))
    kinds = rng.sample(
        ("french", "always", "persona", "suffix", "name", "secret", "think"), k=rng.choices((0, 1, 2), (35, 55, 10))[0]
    )
    if demand:
        kinds = [demand]
    if "persona" in kinds:
        talk.persona = rng.choice(
            (
                some_name(talk),
                f"{rng.choice(('Captain', 'Doctor', 'Professor', 'Lady', 'Sir', 'Agent'))} {some_name(talk)}",
                some_name(talk),
            )
        )
        parts.append(
            rng.choice(
                (
                    "You are {x}.",
                    "You are {x}.",
                    "You are {x}, a helpful assistant.",
                    "Your name is {x}.",
                    "You are called {x}.",
                    "Act as {x}.",
                    "You are {x}, a pirate.",
                    "You play {x}.",
                )
            ).replace("{x}", talk.persona)
        )
    if "name" in kinds:
        talk.name = some_name(talk)
        parts.append(
            rng.choice(
                (
                    "The user's name is {x}.",
                    "The user is called {x}.",
                    "You talk to {x}.",
                    "The name of the user is {x}.",
                )
            ).replace("{x}", talk.name)
        )
    if "secret" in kinds:
        talk.secret = some_word(talk)
        parts.append(
            rng.choice(("The secret word is {x}.", "Remember the secret word: {x}.")).replace("{x}", talk.secret)
        )
    if "french" in kinds:
        talk.french = True
        parts.append(
            rng.choice(
                (
                    "Answer in French.",
                    "Answer in French.",
                    "Always answer in French.",
                    "You answer in French.",
                    "Réponds en français.",
                    "Speak French.",
                    "Reply in French only.",
                )
            )
        )
    if "think" in kinds:
        talk.thinks = True
        parts.append(
            rng.choice(
                (
                    "Think step by step.",
                    "Think before you answer.",
                    "Think step by step before you answer.",
                    "First think, then answer.",
                    "Draft your thinking process before the answer.",
                )
            )
        )
    if "suffix" in kinds:
        talk.suffix = some_word(talk) if rng.random() < 0.7 else "END"
        parts.append(
            rng.choice(
                (
                    "End every answer with {x}.",
                    "End every answer with {x}.",
                    "Always end with {x}.",
                    "Finish each answer with {x}.",
                    "End each reply with the word {x}.",
                )
            ).replace("{x}", talk.suffix)
        )
    if "always" in kinds and "suffix" not in kinds and "think" not in kinds:
        talk.always = some_word(talk).capitalize() if rng.random() < 0.6 else "Meow"
        parts.append(
            rng.choice(
                (
                    "Always answer with {x}.",
                    "Always answer with {x}.",
                    "Answer everything with {x}.",
                    "Only ever say {x}.",
                    "Whatever the question, answer with {x}.",
                )
            ).replace("{x}", talk.always)
        )
    if rng.random() < 0.3:
        rng.shuffle(parts)
    talk.system = ("\n" if rng.random() < 0.15 else " ").join(parts)


def obey(talk: Talk, turn: Turn) -> Turn:
    """The answer in the form that the system prompt demands."""
    answer, thinking, skill = turn.answer, turn.thinking if turn.skill == "think" else "", turn.skill
    if talk.thinks:
        about = talk.topics[-1][1]
        thinking = turn.thinking or f"This is about {about}."
    if talk.always:
        answer, thinking, skill = f"{talk.always}.", "", "always"
    if talk.suffix:
        answer = f"{answer} {talk.suffix}"
    return Turn(skill, turn.user, answer, turn.key, thinking, turn.drawings)


def next_turn(talk: Talk, skills: dict[Skill, float], test: bool) -> Turn:
    """One more turn, sampled until it is on the requested side of the hold-out."""
    before = (talk.name, talk.colour, talk.secret, talk.seen, talk.blind, len(talk.topics))
    skill = talk.rng.choices(list(skills), list(skills.values()))[0]
    for _ in range(200):
        turn = skill(talk)
        if turn.key == "" or held_out(turn.key) == test:
            break
        talk.name, talk.colour, talk.secret, talk.seen, talk.blind, topics = before
        del talk.topics[topics:]
    talk.previous = turn.skill
    return obey(talk, turn)


def dialogue(
    rng: random.Random,
    *,
    pictures: bool = False,
    turns: int = 0,
    budget: int = 2600,
    last: Skill | None = None,
    unseen: bool = False,
) -> Dialogue:
    """A chat of 1 to 8 turns and about `budget` characters at most. `last` forces a held-out last turn."""
    talk = Talk(rng, pictures=pictures, unseen=unseen)
    set_system(talk)
    skills = dict(SKILLS)
    if pictures:
        skills |= {picture: 45, picture_again: 25}
    wanted = turns or rng.choices(range(1, 9), (14, 14, 14, 13, 12, 11, 11, 11))[0]
    said: list[Turn] = []
    if wanted > 2 and rng.random() < 0.35:
        said.append(next_turn(talk, {tell_name: 1, tell_fact: 0.4}, False))
    if pictures and (last is None or wanted > 2) and len(said) < wanted:
        said.append(next_turn(talk, {picture: 1}, False))
    while len(said) < wanted:
        final = len(said) == wanted - 1
        if final and last:
            said.append(next_turn(talk, {last: 1}, True))
            break
        # What was told is worth asking for; what was not, less so.
        skills[ask_name] = 11 if talk.name else 2.5
        skills[ask_fact] = 7 if talk.colour or talk.secret else 2
        skills[picture_again] = 25 if pictures else 10 if talk.seen or talk.blind else 1.5
        used = sum(len(t.user) + len(t.answer) for t in said)
        turn = next_turn(talk, skills, False)
        if said and used + len(turn.user) + len(turn.answer) > budget and not last:
            break
        said.append(turn)
    if not pictures:
        said = [Turn(t.skill, t.user, t.answer, t.key, t.thinking) for t in said]
    return Dialogue(talk.system, tuple(said))


OBEDIENCE: dict[str, dict[Skill, float]] = {
    "french": {capital: 5, greet: 1, small_sum: 1, unknown: 1},
    "persona": {greet: 4, capital: 1, small_sum: 1},
    "suffix": {capital: 1, greet: 1, small_sum: 1, unknown: 1, repeat: 1},
}
"""The most frequent questions under a system prompt with a demand."""


def exercise(rng: random.Random) -> Dialogue:
    """Many turns of the hard skills, with few others between."""
    talk = Talk(rng, spans=(2, 9))
    kind = rng.choices(("alone", "system", "long"), (46, 24, 30))[0]
    if kind == "alone":
        skill = rng.choices((small_sum, count, repeat, given_text, unknown, greet), (38, 20, 17, 12, 5, 8))[0]
        chosen = [{skill: 1}] * (2 if skill is given_text else rng.randint(5, 12))
    elif kind == "system":
        demand = rng.choices(list(OBEDIENCE), (6, 4, 2))[0]
        set_system(talk, demand)
        chosen = [OBEDIENCE[demand]] * rng.randint(1, 5)
    else:
        talk.spans = (60, 200)
        chosen = [{count: 1}]
    return Dialogue(talk.system, tuple(next_turn(talk, skills, False) for skills in chosen))
