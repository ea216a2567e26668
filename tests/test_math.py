"""LaTeX math as Unicode, and how it is found in an answer."""

import pytest

from lechat_tui.drawing.latex import readable
from lechat_tui.drawing.markdown import read

FORMULAS = {
    r"\alpha + x^2 = \frac{a}{b}": "α + x² = a/b",
    r"x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}": "x = (-b ± √(b²-4ac))/(2a)",
    r"\sum_{i=1}^{n} i = \frac{n(n+1)}{2}": "∑ᵢ₌₁ⁿ i = (n(n+1))/2",
    r"\int_0^\infty e^{-x^2}\,dx": "∫₀^∞ e^(-x²) dx",
    r"\mathbb{R}^n \to \mathcal{L}": "ℝⁿ → ℒ",
    r"\lim_{x \to 0} \frac{\sin x}{x} = 1": "lim_(x→0) (sin x)/x = 1",
    r"\left( \frac{dy}{dx} \right) \leq \ldots": "(dy/dx) ≤ …",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}": "(a b; c d)",
    r"f(x) = \begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{else} \end{cases}": "f(x) = { 1 if x > 0; 0 else",
    r"\hat{y} = \mathbf{w}^\top x": "ŷ = wᵀ x",
    r"\sqrt[3]{8} = \sqrt{4}": "∛8 = √4",
    r"O(n \log n)": "O(n log n)",
    r"\{1, 2\} \cup \emptyset": "{1, 2} ∪ ∅",
    r"\nosuch{x} + 1": r"\nosuch{x} + 1",
    r"50\%": "50%",
    "{{{": "{{{",
}


@pytest.mark.parametrize("source", FORMULAS)
def test_a_formula_is_rendered_in_unicode(source: str) -> None:
    assert readable(source) == FORMULAS[source]


def test_aligned_equations_are_lines_of_a_display_formula() -> None:
    source = r"\begin{aligned} a &= b \\ c &= d \end{aligned}"
    assert readable(source, rows=True) == "a = b\nc = d"
    assert readable(source) == "a = b; c = d"


@pytest.mark.parametrize("source", ["^" * 1_900, r"\frac" * 300, "{" * 1_900, r"\sqrt{" * 300, r"\begin{matrix}" * 100])
def test_an_unfinished_formula_is_still_text(source: str) -> None:
    assert readable(source)


def formulas(text: str) -> list[str]:
    tokens = [child for block in read(text) for token in block.tokens for child in [token, *(token.children or [])]]
    return [token.content for token in tokens if token.type.startswith("math")]


@pytest.mark.parametrize(
    "text",
    [
        "it costs $5 and $10",
        "between $1,000 and $2,000 a month",
        "from $5-$10, US$5, 20$",
        "$HOME/$USER and $PATH and $PATH$",
        "a $ b $ c",
        "`$x^2$`",
        "```\n$$\nx\n$$\n```",
        r"\$x^2\$",
        r"\[not a link](/a)",
        "$$ and $$",
    ],
)
def test_money_shell_variables_and_code_are_not_math(text: str) -> None:
    assert formulas(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$x$, $x^2$ and $5 \\times 3$", ["x", "x^2", "5 \\times 3"]),
        ("\\(a+b\\) and \\[c=d\\]", ["a+b", "c=d"]),
        ("text $$x = 1$$ text", ["x = 1"]),
        ("before\n$$\nx\n= y\n$$\nafter", ["x\n= y"]),
        ("1. item\n\n   \\[\n   x\n   \\]\n", ["x"]),
        ("| $a_1$ | b |\n|---|---|\n| c | $d$ |", ["a_1", "d"]),
    ],
)
def test_text_in_math_delimiters_is_math(text: str, found: list[str]) -> None:
    assert formulas(text) == found
