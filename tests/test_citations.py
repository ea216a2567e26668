"""Citations: only those of passages that exist get through, and each is checked against its passage."""

import random

import pytest

from lechat_tui.attachments.passages import Source
from lechat_tui.library.citations import check
from lechat_tui.library.claims import claims, sentences
from lechat_tui.library.marks import MARK, Marks, without_code

FILTERED = {
    "The rent is 500 [1]. It rose [9]. Both [1, 3].": "The rent is 500 [1]. It rose. Both [1][3].",
    "Ranges [1-3], [7–9] and [^2], 【3】, ［1］, [Passage 2].": "Ranges [1][2][3], and [2], [3], [1], [2].",
    "`a[9]` stays, [9] does not; a lone ` and [9].\n[9]": "`a[9]` stays, does not; a lone ` and.\n",
    "```python\na[9] = b[1]\n```\nb [9] c [2]": "```python\na[9] = b[1]\n```\nb c [2]",
    "- ~~~\n  a[9]\n  ~~~\n- b [9][2]": "- ~~~\n  a[9]\n  ~~~\n- b[2]",
    "[1]: http://a\n[2](lease.pdf)": "[1] http://a\n[2] (lease.pdf)",
    "[x] [ ] [Figure 2] [1a] [a](b)": "[x] [ ] [Figure 2] [1a] [a](b)",
    "\\[1\\] أ [٢] cut [1": "[1] أ [2] cut",
}


@pytest.mark.parametrize("answer", FILTERED)
def test_only_citations_that_exist_get_through_in_whatever_pieces_an_answer_arrives(answer: str) -> None:
    for seed in range(40):
        marks, at, shown = Marks({1, 2, 3}), 0, ""
        while at < len(answer):
            size = random.Random(f"{seed} {at}").choice((1, 2, 3, 8))
            shown += marks.feed(answer[at : at + size])
            at += size
        shown += marks.close()
        assert shown == FILTERED[answer]
        assert {int(number) for number in MARK.findall(without_code(shown))} <= {1, 2, 3}


def test_an_answer_that_is_continued_knows_that_it_is_in_a_code_block() -> None:
    marks = Marks({1}, "Like this:\n```\na[9] = 1\n")
    assert marks.feed("b[9] = 2\n```\nas in [9] and [1].") + marks.close() == "b[9] = 2\n```\nas in and [1]."


def test_sentences_of_many_languages_end_where_they_end() -> None:
    text = (
        "It costs 1.5 million, e.g. in Dr. Smith's case [1]. Paid on 3. Oktober 1990! [2] „Ja.“ U.S. Steel won.\n"
        "- One item\n- 另一项。他的专利为他赚了钱。[3]\n| a | b [1] |\nتوفي في 1943؟ أصبح عمله غير معروف."
    )
    assert [text[start:end] for start, end in sentences(text)] == [
        "It costs 1.5 million, e.g. in Dr. Smith's case [1].",
        "Paid on 3. Oktober 1990! [2]",
        "„Ja.“",
        "U.S. Steel won.",
        "One item",
        "另一项。",
        "他的专利为他赚了钱。[3]",
        "| a | b [1] |",
        "توفي في 1943؟",
        "أصبح عمله غير معروف.",
    ]


def test_a_citation_is_for_the_words_before_it_or_for_its_sentence_if_there_are_none() -> None:
    answer = "The rent is 500 euros [1] and the deposit 1,500 [2][3]. According to [4], dogs are allowed."
    assert [(claim.text, claim.numbers) for claim in claims(answer)] == [
        ("The rent is 500 euros", (1,)),
        ("and the deposit 1,500", (2, 3)),
        ("According to , dogs are allowed.", (4,)),
    ]


LEASE = Source(
    1,
    "lease.pdf",
    page=3,
    start=100,
    end=500,
    heading="Lease > Costs",
    body="The monthly rent is 1,250 euros. The deposit amounts to three monthly rents and is due on 1 October 2024. "
    "The tenant, Maria Keller, may not keep dogs. “Small repairs are paid by the tenant”, up to 100 euros each. "
    "The house in Lindenstraße was built in 1931 and belongs to the Brandt family.",
)
MIETE = Source(
    2,
    "Mietvertrag.docx",
    page=1,
    end=400,
    body="Die monatliche Miete beträgt 1.250 Euro. Die Kaution wird in drei Raten gezahlt und ist am 1. Oktober 2024 "
    "fällig. Die Mieterin Maria Keller darf keinen Hund halten. Der Vertrag wurde in Leipzig geschlossen.",
)
HETONG = Source(
    3, "房屋.txt", end=90, body="房东是王小明。月租为三千五百元，押金于2024年10月1日支付。房子位于北京，租期两年。"
)
AQD = Source(
    4,
    "عقد.txt",
    end=90,
    body="الإيجار الشهري ١٢٥٠ يورو. يدفع المستأجر خالد حداد التأمين في 1 أكتوبر 2024 في مدينة دمشق القديمة.",
)

PROVED = (
    "The rent is 1.250 euros a month [1].",
    "The monthly rent is €1,250 [1].",
    "The deposit amounts to 3 monthly rents, and it is due on 2024-10-01 [1].",
    "On page 3 the lease says that Maria Keller may not keep dogs [1].",
    'It says "small repairs are paid by the tenant" [1].',
    "The house was built in 1931 [1] and belongs to the Brandts [1].",
    "Die Miete beträgt 1250 Euro [1].",
    "Die Kaution ist am 01.10.2024 fällig [2].",
    "Laut Vertrag beträgt die Miete monatlich 1250 Euro [2].",
    "Maria Keller darf keinen Hund halten [2].",
    "月租为3500元 [3]。",
    "根据文件，押金于2024年10月1日支付[3]。",
    "الإيجار الشهري هو 1250 يورو [4].",
    "وفقا للوثيقة، يدفع المستأجر خالد حداد التأمين في 1 أكتوبر 2024 [4].",
)

DOUBTED = {
    "The rent is 1,350 euros a month [1].": "the number 1,350 is not in the passage",
    "The deposit is due on October 2, 2024 [1].": "the date October 2, 2024 is not in the passage",
    "The tenant, Maria Schmidt, may not keep dogs [1].": "Schmidt is not in the passage",
    "The tenant, Maria Keller, may keep dogs [1].": "only one of answer and passage has “not”",
    "The monthly rent is 100 euros [1].": "the passage has 1,250 in place of 100",
    "The house in Lindenstraße was built in 1931 and belongs to the Keller family [1].": (
        "the passage has Brandt in place of Keller"
    ),
    'It says "small repairs are paid by the landlord" [1].': (
        "the quote “small repairs are paid by the landlord” is not in the passage"
    ),
    "The moon is made of cheese [1].": "it shares too few words with the passage",
    "Die Mieterin Maria Kühn darf keinen Hund halten [2].": "Kühn is not in the passage",
    "Der Vertrag wurde in Dresden geschlossen [2].": "the passage has Leipzig in place of Dresden",
    "Die Mieterin Maria Keller darf einen Hund halten [2].": "only one of answer and passage has “keinen”",
    "月租为三千元 [3]。": "the number 三千 is not in the passage",
    "房东是王小明。房子位于上海，租期两年[3]。": "the passage has 北京 in place of 上海",
    "يدفع المستأجر خالد حداد التأمين في 1 أكتوبر 2024 في مدينة حلب القديمة [4].": (
        "the passage has دمشق in place of حلب"
    ),
}


@pytest.mark.parametrize("answer", [*PROVED, *DOUBTED])
def test_a_citation_is_proved_only_if_its_passage_says_the_same(answer: str) -> None:
    citations = check(answer, [LEASE, MIETE, HETONG, AQD])
    assert citations, "no citation was found"
    assert {citation.reason for citation in citations} == {DOUBTED.get(answer, "")}
    assert {citation.proved for citation in citations} == {answer in PROVED}


def test_a_citation_names_the_sentence_of_the_passage_and_its_place_on_the_page() -> None:
    citation, later = check("Dogs are not allowed, and `x[1]` is code. The house is from 1931 [1][1].", [LEASE])
    assert (citation.n, citation.document, citation.page) == (1, "lease.pdf", 3)
    assert citation.quote == "The house in Lindenstraße was built in 1931 and belongs to the Brandt family."
    assert LEASE.body[citation.start - 100 : citation.end - 100] == citation.quote
    assert (citation.mark, later.mark) == ((65, 68), (68, 71))
