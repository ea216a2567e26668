"""What a model is asked to read a page: the models made for OCR each expect their own question, or none."""

import re
from dataclasses import replace

from lechat_tui.message import GREEDY, Sampling
from lechat_tui.models.catalog import Model
from lechat_tui.values import dataclass

MAX_PAGE_TOKENS = 4096
"""Of the text of one page; a dense page has about 2,000."""


@dataclass(frozen=True)
class Recipe:
    """How a model is asked to read a page."""

    question: str
    """Beside the picture; empty for the picture alone."""
    system: str | None = None
    """The system prompt; None for no system message."""
    temperature: float = 0.0
    top_p: float = 1.0
    repeat_penalty: float = 1.0


GENERAL = Recipe(
    "Write down all text on this page as Markdown, in reading order, column by column. Keep headings, lists, tables "
    "(as Markdown tables), code (in fences) and formulas (as LaTeX). Write [picture] where a picture is, and "
    "[unreadable] for what you can't read; add and guess nothing. Write only the text of the page."
)
"""For a model that follows instructions."""

RECIPES = (
    (r"lighton-?ocr", Recipe("", system="", temperature=0.2, top_p=0.9)),
    (r"deepseek-?ocr", Recipe("Free OCR.")),
    (r"glm-?ocr", Recipe("Text Recognition:")),
    (r"paddle-?ocr", Recipe("OCR:")),
    (
        r"hunyuan-?ocr",
        Recipe(
            "提取文档图片中正文的所有信息用markdown格式表示，其中页眉、页脚部分忽略，表格用html格式表达，文档中公式用latex格式表示，"
            "按照阅读顺序组织进行解析。",
            repeat_penalty=1.08,
        ),
    ),
)
"""Patterns of names, and what those models were trained on: their model cards and llama.cpp's pull requests."""


def recipe_of(model: Model) -> Recipe:
    """How this model is asked, by its names and those of its file and repository."""
    names = " ".join((model.id, model.name, model.model, model.repo, model.weights.file)).casefold()
    return next((recipe for pattern, recipe in RECIPES if re.search(pattern, names.replace("_", "-"))), GENERAL)


def sampling_of(recipe: Recipe, model: Model, window: int) -> Sampling:
    """Greedy, unless the model was trained for something else; at most half of the context window for a page."""
    return replace(
        GREEDY,
        temperature=recipe.temperature,
        top_p=recipe.top_p,
        repeat_penalty=recipe.repeat_penalty,
        seed=0,
        max_tokens=min(MAX_PAGE_TOKENS, max(window // 2, 1)) if window else MAX_PAGE_TOKENS,
        stop=model.stop,
        think="off" if model.thinking else "auto",
    )
