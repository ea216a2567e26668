"""The commonest words of some languages: they tell what language a sentence is in, but not what it is about."""

from collections import Counter
from collections.abc import Iterable

from lechat_tui.library.facts import folded

_WORDS = {
    "en": """the a an of to in on at by for with from and or but if as than that this these those it its is are
    was were be been being has have had do does did not no he she they them his her their we you i me my our
    your who whom whose which what when where why how there here also only just about into over under after
    before between during through because so such can could may might must shall should will would one all any
    each both some more most other then out up according document documents passage passages source sources text
    says states said answer""",
    "de": """der die das den dem des ein eine einen einem einer eines und oder aber wenn als dass daß dies diese
    dieser dieses es er sie ihn ihm ihr ihre sein seine seinen seiner ist sind war waren wird werden wurde
    wurden worden hat haben hatte hatten nicht kein keine auch nur noch schon sehr so wie was wer wo wann warum
    in im an am auf aus bei bis für mit nach von vom vor zu zum zur über unter durch um man sich wir ihr ich
    mich mein unser kann können muss soll laut gemäß dokument dokumente dokumenten passage quelle text steht
    sagt antwort zufolge""",
    "fr": """le la les un une des du de et ou mais si que qui ce cet cette ces il elle ils elles on est sont
    était étaient a ont avait être été ne pas plus dans en sur sous par pour avec sans au aux se son sa ses leur
    leurs nous vous je document selon texte passage""",
    "es": """el la los las un una unos unas de del y o pero si que quien este esta estos estas es son era eran
    fue ha han había ser no en por para con sin su sus se lo al como más documento según texto pasaje""",
    "it": """il lo la i gli le un uno una di del della dei delle e o ma se che chi questo questa è sono era
    erano ha hanno non in con su per tra fra si al alla come più documento secondo testo""",
    "ar": """في من على الى إلى عن مع هذا هذه ذلك تلك التي الذي الذين هو هي هم كان كانت يكون قد لقد ان أن إن او
    أو ثم لا لم لن ما كما كل بعض بعد قبل بين عند حيث حتى وفقا للوثيقة الوثيقة الوثائق النص المقطع المصدر تقول
    يقول تذكر الجواب الاجابة هل متى اين كيف لماذا كم اي أي تم انه انها يذكر تذكر ورد فيها فيه و""",
    "zh": """根据 据文 文件 文档 资料 该文 这份 显示 表示 指出 提到 说明 因此 所以 答案 案是 问题 题的 的答 件，
    件显 档显 的是 了的 来源 段落 文中 中说 中提 什么 哪个 哪一 哪些 哪里 多少 怎么 如何 为什 谁 何 么 什 哪 的
    了 是 在 和 与 被 把 也 就 都 而 及 或 为 于 之 地 得 着 过 会 可 能 这 那 个 有 到""",
}

_NEGATIONS = """not no never none nobody nothing neither nor cannot without nicht kein keine keinen keinem
    keiner keines nie niemals niemand nichts ohne ne pas jamais aucun aucune sin nunca ningún ninguna ninguno
    non nessuno mai لا لم لن ليس ليست لیس غير دون بدون 不 没 無 无 非 未 否"""


def _folded(words: str) -> frozenset[str]:
    return frozenset(map(folded, words.split()))


BY_LANGUAGE = {language: _folded(words) for language, words in _WORDS.items()}
FUNCTION_WORDS = frozenset().union(*BY_LANGUAGE.values())
_LANGUAGES = {word: [one for one, words in BY_LANGUAGE.items() if word in words] for word in FUNCTION_WORDS}
NEGATIONS = _folded(_NEGATIONS)

MIN_KNOWN = 2
"""Function words of a language that a text needs to count as written in it."""

MAX_SHORT = 12
"""Words of a text for which one is enough, if it is of no other language."""


def language_of(words: Iterable[str]) -> str:
    """The language of a text with these folded words; empty if it is not clear. Japanese counts as `zh`."""
    found = Counter(words)
    counts = dict.fromkeys(BY_LANGUAGE, 0)
    for word, count in found.items():
        for language in _LANGUAGES.get(word, ()):
            counts[language] += count
    if sum(n for word, n in found.items() if "\u3040" <= word <= "\u9fff") > sum(found.values()) / 3:
        return "zh"
    best = max(counts, key=lambda language: counts[language])
    if counts[best] >= MIN_KNOWN or (counts[best] == 1 == sum(counts.values()) and found.total() <= MAX_SHORT):
        return best
    arabic = sum(n for word, n in found.items() if "\u0600" <= word[:1] <= "\u06ff")
    return "ar" if arabic > sum(found.values()) / 2 else ""
