"""The names that a user may type for a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lechat_tui.models.catalog import ModelError
from lechat_tui.models.names import Hub, Id, Local, Name, parse, safe_file

MIRROR = "http://mirror.example:8080/hub"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ministral-3-8b", Id("ministral-3-8b")),
        ("mistral-small-3.1:q5_k_m", Id("mistral-small-3.1", "q5_k_m")),
        ("été", Id("été")),
        ("bartowski/Some-Model-GGUF", Hub("bartowski/Some-Model-GGUF")),
        ("bartowski/Some-Model-GGUF:Q4_K_M", Hub("bartowski/Some-Model-GGUF", "Q4_K_M")),
        ("unsloth/Some.Model_GGUF:UD-Q4_K_XL", Hub("unsloth/Some.Model_GGUF", "UD-Q4_K_XL")),
        ("me/repo/model.Q4_0.gguf", Hub("me/repo", file="model.Q4_0.gguf")),
        ("me/repo/Q4 K/a b-00001-of-00002.gguf", Hub("me/repo", file="Q4 K/a b-00001-of-00002.gguf")),
        ("hf.co/me/repo:Q4_0", Hub("me/repo", "Q4_0")),
        ("hf.co/me/repo:latest", Hub("me/repo")),
        ("huggingface.co/me/repo", Hub("me/repo")),
        ("https://huggingface.co/me/repo", Hub("me/repo")),
        ("https://hf.co/me/repo/", Hub("me/repo")),
        ("https://huggingface.co/me/repo:Q8_0", Hub("me/repo", "Q8_0")),
        ("https://huggingface.co/me/repo/tree/main", Hub("me/repo")),
        ("https://huggingface.co/me/repo/resolve/main/m.gguf?download=true", Hub("me/repo", file="m.gguf")),
        ("https://huggingface.co/me/repo/blob/refs%2Fpr%2F2/a/m.gguf", Hub("me/repo", "", "a/m.gguf", "refs/pr/2")),
        ("https://huggingface.co/me/repo/resolve/main/a%20b.gguf", Hub("me/repo", file="a b.gguf")),
        (f"{MIRROR}/me/repo/resolve/main/m.gguf", Hub("me/repo", file="m.gguf")),
        ("/models/m.gguf", Local("/models/m.gguf")),
        ("~/models/m", Local("~/models/m")),
        ("./m.gguf", Local("./m.gguf")),
        ("../m.gguf", Local("../m.gguf")),
        ("m.gguf", Local("m.gguf")),
        ("models/m.gguf", Local("models/m.gguf")),
        ("..", Local("..")),
    ],
)
def test_valid_names_are_parsed(typed: str, meant: Name) -> None:
    assert parse(typed, endpoint=MIRROR) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-rf",
        "--yes",
        "two words",
        "a\nb",
        "\x1b[31mred",
        "nul\0",
        "x" * 5000,
        "id:",
        "id:Q4:Q5",
        "me/",
        "/".join("abcdefghij") + ".txt",
        "me/repo:",
        "me/repo:../x",
        "me/re--po",
        "me/..",
        "me/.hidden",
        "-me/repo",
        "me/-repo",
        "me/repo/../../etc/m.gguf",
        "me/repo/a/../m.gguf",
        "me/repo/-m.gguf",
        "me/repo/.m.gguf",
        "me/repo/m.bin",
        "me/repo//m.gguf",
        "me/repo/a\\b.gguf",
        "hf.co/",
        "hf.co/me",
        "https://huggingface.co/me",
        "https://huggingface.co/datasets/me/repo",
        "https://huggingface.co/me/repo/resolve/main",
        "https://huggingface.co/me/repo/resolve/../m.gguf",
        "https://huggingface.co/me/repo/resolve/main/%2e%2e/m.gguf",
        "https://huggingface.co/me/repo/resolve/main/..%2fm.gguf",
        "https://huggingface.co/me/repo/resolve/main/%1b.gguf",
        "https://huggingface.co/me/repo/raw/main/m.gguf",
        "https://[broken",
    ],
)
def test_invalid_names_are_answered_with_the_valid_forms(typed: str) -> None:
    with pytest.raises(ModelError, match=r"USER/REPO:QUANT.* the path of a \.gguf file"):
        parse(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "http://huggingface.co/me/repo",
        "https://huggingface.co.evil.example/me/repo",
        "https://huggingface.co:444/me/repo",
        "https://huggingface.co@evil.example/me/repo",
        "https://me@huggingface.co/me/repo",
        "http://mirror.example/me/repo",
        "file:///etc/passwd",
        "ollama://llama",
    ],
)
def test_addresses_of_other_hosts_are_rejected(typed: str) -> None:
    with pytest.raises(ModelError, match="is not a hub URL"):
        parse(typed, endpoint=MIRROR)


@given(some.text(max_size=60) | some.from_regex(r"[\w./:~%-]{0,60}"))
def test_any_text_is_a_safe_name_or_an_error(text: str) -> None:
    try:
        name = parse(text)
    except ModelError as error:
        assert "lechat ls" in str(error)
        return
    if isinstance(name, Hub):
        assert name.repo.count("/") == 1
        assert ".." not in f"{name.repo}/{name.file}".split("/")
        assert not name.file or safe_file(name.file)


@pytest.mark.parametrize("file", ["m.gguf", "Q4/m.gguf"])
def test_a_safe_file_name_is_safe_in_a_folder(file: str) -> None:
    assert safe_file(file)
    for bad in (f"/{file}", f"../{file}", f"a/../{file}", f"{file}/..", f"\x1b{file}", f"-{file}", f"a\\{file}"):
        assert not safe_file(bad)


def test_a_repository_is_shown_as_it_is_typed() -> None:
    for typed in ("me/repo", "me/repo:Q4_K_M", "me/repo/m.gguf"):
        assert str(parse(typed)) == typed
