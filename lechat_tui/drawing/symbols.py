"""The symbols of LaTeX math in Unicode, by command."""


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SYMBOLS = _pairs("""
alpha α beta β gamma γ delta δ epsilon ϵ zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ omicron ο
pi π rho ρ sigma σ tau τ upsilon υ phi ϕ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ
Upsilon Υ Phi Φ Psi Ψ Omega Ω varepsilon ε vartheta ϑ varpi ϖ varrho ϱ varsigma ς varphi φ sum ∑ prod ∏ coprod ∐
int ∫ iint ∬ iiint ∭ oint ∮ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀ partial ∂ nabla ∇ infty
∞ hbar ℏ ell ℓ Re ℜ Im ℑ aleph ℵ wp ℘ imath ı jmath ȷ emptyset ∅ varnothing ∅ angle ∠ triangle △ square □
blacksquare ■ prime ′ forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ top ⊤ bot ⊥ dagger † degree ° ldots … dots …
cdots ⋯ vdots ⋮ ddots ⋱ dotsc … dotsb ⋯ cdot · star ⋆ ast ∗ circ ∘ bullet • langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋
lceil ⌈ rceil ⌉ lvert | rvert | lVert ‖ rVert ‖ Vert ‖ vert | lbrace { rbrace } colon : checkmark ✓ surd √
backslash \\
""") | {"quad": "  ", "qquad": "    "}
"""Those that stand close to what is beside them."""

RELATIONS = _pairs("""
times × div ÷ pm ± mp ∓ oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ cup ∪ cap ∩ setminus ∖ land ∧ wedge ∧ lor ∨ vee ∨ leq ≤
le ≤ geq ≥ ge ≥ ll ≪ gg ≫ neq ≠ ne ≠ approx ≈ equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ in ∈ notin ∉ ni ∋ subset ⊂
supset ⊃ subseteq ⊆ supseteq ⊇ subsetneq ⊊ mid | nmid ∤ parallel ∥ perp ⊥ to → rightarrow → leftarrow ← gets ←
leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ iff ⇔ implies ⇒ mapsto ↦ longrightarrow ⟶
longleftarrow ⟵ Longrightarrow ⟹ longmapsto ⟼ hookrightarrow ↪ uparrow ↑ downarrow ↓ rightharpoonup ⇀
rightleftharpoons ⇌ vdash ⊢ models ⊨ coloneqq ≔ prec ≺ succ ≻ preceq ≼ succeq ≽ lesssim ≲ gtrsim ≳ because ∵
therefore ∴ asymp ≍ doteq ≐ triangleq ≜ bmod mod
""")
"""Those with a space on both sides."""

FUNCTIONS = _words("""
Pr arccos arcsin arctan arg argmax argmin cos cosh cot csc deg det diag dim exp gcd hom inf ker lcm lg lim
liminf limsup ln log max min rank sec sgn sin sinh softmax span sup tan tanh tr
""")
"""Names of functions, written upright."""

ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "bar": "\u0304",
    "overline": "\u0305",
    "vec": "\u20d7",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "dot": "\u0307",
    "ddot": "\u0308",
    "check": "\u030c",
    "breve": "\u0306",
    "acute": "\u0301",
    "grave": "\u0300",
    "underline": "\u0332",
    "overrightarrow": "\u20d7",
}
"""Marks that are written over or under the sign before them."""

RAISED = _pairs("""
0 ⁰ 1 ¹ 2 ² 3 ³ 4 ⁴ 5 ⁵ 6 ⁶ 7 ⁷ 8 ⁸ 9 ⁹ + ⁺ - ⁻ = ⁼ ( ⁽ ) ⁾ a ᵃ b ᵇ c ᶜ d ᵈ e ᵉ f ᶠ g ᵍ h ʰ i ⁱ j ʲ k ᵏ l ˡ m ᵐ
n ⁿ o ᵒ p ᵖ r ʳ s ˢ t ᵗ u ᵘ v ᵛ w ʷ x ˣ y ʸ z ᶻ A ᴬ B ᴮ D ᴰ E ᴱ G ᴳ H ᴴ I ᴵ J ᴶ K ᴷ L ᴸ M ᴹ N ᴺ O ᴼ P ᴾ R ᴿ T ᵀ
U ᵁ V ⱽ W ᵂ α ᵅ β ᵝ γ ᵞ δ ᵟ ε ᵋ θ ᶿ ι ᶥ ϕ ᶲ φ ᵠ χ ᵡ ′ ′ * * ∘ ° ⊤ ᵀ † † − ⁻
""")
LOWERED = _pairs("""
0 ₀ 1 ₁ 2 ₂ 3 ₃ 4 ₄ 5 ₅ 6 ₆ 7 ₇ 8 ₈ 9 ₉ + ₊ - ₋ = ₌ ( ₍ ) ₎ a ₐ e ₑ h ₕ i ᵢ j ⱼ k ₖ l ₗ m ₘ n ₙ o ₒ p ₚ r ᵣ s ₛ
t ₜ u ᵤ v ᵥ x ₓ β ᵦ γ ᵧ ρ ᵨ ϕ ᵩ φ ᵩ χ ᵪ − ₋
""")

BLACKBOARD = _pairs("C ℂ H ℍ N ℕ P ℙ Q ℚ R ℝ Z ℤ")
SCRIPT = _pairs("B ℬ E ℰ F ℱ H ℋ I ℐ L ℒ M ℳ R ℛ e ℯ g ℊ o ℴ")
FRAKTUR = _pairs("C ℭ H ℌ I ℑ R ℜ Z ℨ")
"""Letters that are not where the others of their alphabet are."""

TEXT = _words("""
mathit mathrm mathsf mathtt mbox operatorname text textbf textit textnormal textrm textsf texttt
""")

IGNORED = _words("""
Big Bigg Bigl Bigr bf big bigg biggl biggr bigl bigr bm boldsymbol displaystyle hline it left limits mathbin
mathop mathord mathrel middle nolimits nonumber notag right rm scriptstyle textstyle
""")
