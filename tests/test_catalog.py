"""The catalog: what a row may say, and what a mistake in it is answered with."""

from pathlib import Path

import pytest

from lechat_tui.models.catalog import ModelError, Weights, read

ROW = """
[small]
roles = ["text", "vision"]
repo = "someone/small"
temperature = 1
weights = { file = "small.gguf", bytes = 100 }
projector = { file = "mmproj.gguf", bytes = 20 }
"""


def written(folder: Path, text: str, name: str = "models.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_the_old_spelling_of_a_key_is_still_read(tmp_path: Path) -> None:
    row = '[m]\nroles = ["text"]\nweights = { file = "/m.gguf" }\nlicence = "MNPL-0.1"\nlicence_url = "https://x"\n'
    (tmp_path / "models.toml").write_text(row)
    model = read(tmp_path / "models.toml")["m"]
    assert (model.license, model.license_url) == ("MNPL-0.1", "https://x")


def test_a_row_becomes_a_model(tmp_path: Path) -> None:
    model = read(written(tmp_path, ROW))["small"]
    assert (model.id, model.name, model.roles) == ("small", "small", ("text", "vision"))
    assert model.weights == Weights("small.gguf", 100)
    assert model.bytes == 120
    assert model.supports_images
    assert model.temperature == 1.0


def test_a_model_without_a_projector_does_not_support_images(tmp_path: Path) -> None:
    model = read(written(tmp_path, '[m]\nroles = ["code"]\nweights = { file = "/m.gguf" }'))["m"]
    assert not model.supports_images
    assert model.bytes == 0


QUANTS = """
[m]
roles = ["text"]
repo = "someone/m"
weights = { quant = "Q4_K_M", file = "m-Q4_K_M.gguf", bytes = 100 }
quants = [
    { quant = "IQ4_XS", file = "m-IQ4_XS.gguf", about = 90, repo = "other/m", revision = "abc" },
    { quant = "Q8_0", file = "q8/m-00001-of-00003.gguf", bytes = 200 },
]
"""


def test_another_quantization_is_the_same_model_with_other_files(tmp_path: Path) -> None:
    model = read(written(tmp_path, QUANTS))["m"]
    small = model.quantized("iq4_xs")
    assert (small.id, small.name, small.bytes) == ("m:IQ4_XS", "m", 90)
    assert (small.weights.repo, small.weights.revision) == ("other/m", "abc")
    assert model.source(small.weights) == ("other/m", "abc")
    assert model.source(model.weights) == ("someone/m", "main")
    large = small.quantized("Q8_0")
    assert (large.id, large.weights.files[2]) == ("m:Q8_0", "q8/m-00003-of-00003.gguf")
    assert [weights.quant for weights in large.quants] == ["IQ4_XS", "Q4_K_M"]
    assert model.quantized("q4_k_m") is model


def test_an_unknown_quantization_is_answered_with_the_available_ones(tmp_path: Path) -> None:
    models = read(written(tmp_path, QUANTS + '[n]\nroles = ["text"]\nweights = { file = "/n.gguf" }'))
    with pytest.raises(ModelError, match="m has no quantization Q5_K_M; it has Q4_K_M, IQ4_XS, Q8_0"):
        models["m"].quantized("Q5_K_M")
    with pytest.raises(ModelError, match="n has no quantization Q8_0; the catalog lists none"):
        models["n"].quantized("Q8_0")


def test_a_repository_without_a_revision_uses_main(tmp_path: Path) -> None:
    own = '[m]\nroles = ["text"]\nrepo = "a/b"\nrevision = "abc"\nweights = { file = "m.gguf", repo = "c/d" }'
    model = read(written(tmp_path, own))["m"]
    assert (model.weights.revision, Weights("m.gguf").revision) == ("main", "")
    assert model.source(model.weights) == ("c/d", "main")


@pytest.mark.parametrize(
    ("file", "files"),
    [
        ("m.gguf", ("m.gguf",)),
        ("a/m-00001-of-00002.gguf", ("a/m-00001-of-00002.gguf", "a/m-00002-of-00002.gguf")),
        ("m-00002-of-00003.gguf", ("m-00002-of-00003.gguf",)),
        ("", ()),
    ],
)
def test_a_split_file_has_all_its_parts(file: str, files: tuple[str, ...]) -> None:
    assert Weights(file).files == files


def test_a_closed_model_names_its_replacement(tmp_path: Path) -> None:
    model = read(written(tmp_path, '[shut]\nroles = ["text"]\nstatus = "closed"\ninstead = "open"'))["shut"]
    assert (model.weights.files, model.bytes) == ((), 0)
    assert model.unavailable == "the weights of shut are not published; use open instead (lechat pull open)"
    with pytest.raises(ModelError, match="needs the key instead"):
        read(written(tmp_path, '[shut]\nroles = ["text"]\nstatus = "closed"'))


def test_single_keys_override_the_bundled_row(tmp_path: Path) -> None:
    own = written(tmp_path, "[small]\ncontext = 32768\nrevision = 'abc'\n", "own.toml")
    model = read(written(tmp_path, ROW), own)["small"]
    assert (model.context, model.revision, model.temperature, model.bytes) == (32768, "abc", 1.0, 120)
    written(tmp_path, "[small]\ncontxt = 1", "own.toml")
    with pytest.raises(ModelError) as raised:
        read(written(tmp_path, ROW), own)
    assert f"{own}: [small]: unknown key contxt" in str(raised.value)


def test_a_row_with_its_own_weights_replaces_an_earlier_one(tmp_path: Path) -> None:
    own = '[small]\nname = "Mine"\nroles = ["code"]\nweights = { file = "/x.gguf" }\n[new]\nroles = ["text"]\n'
    own += 'weights = { file = "/y.gguf" }\n'
    models = read(written(tmp_path, ROW), written(tmp_path, own, "own.toml"), tmp_path / "absent.toml")
    assert list(models) == ["small", "new"]
    assert (models["small"].name, models["small"].repo) == ("Mine", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("colour = 1", "[small]: unknown key colour"),
        ("contxt = 1", "[small]: unknown key contxt; did you mean context?"),
        ("context = 0", "[small]: context must be from 1 to 2147483647"),
        ('context = "8k"', "[small]: context must be a whole number, not text in quotes"),
        ("toy = 1", "[small]: toy must be true or false, not a whole number"),
    ],
)
def test_an_error_names_the_file_and_the_row(tmp_path: Path, row: str, message: str) -> None:
    file = written(tmp_path, ROW + row)
    with pytest.raises(ModelError) as raised:
        read(file)
    assert f"{file}: {message}" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small = 3", "[small] must be a table"),
        ('[a]\nroles = ["text"]', "[a]: the key weights is missing"),
        ('[a]\nroles = ["text"]\nweights = { bytes = 1 }', "[a]: the key weights.file is missing"),
        ('[a]\nroles = ["text"]\nweights = { fil = "x" }', "[a]: unknown key weights.fil; did you mean file?"),
        ('[a]\nroles = ["text"]\nweights = "x"', "[a]: weights must be a table, not text in quotes"),
        (
            '[a]\nroles = ["poetry"]\nweights = { file = "x" }',
            "roles[0] must be text or code or vision or embed, not poetry",
        ),
        ('[a]\nroles = []\nweights = { file = "x" }', "[a]: roles must contain at least one of text, code, vision"),
        ('[a]\nroles = ["text"]\nquants = [{ fil = "x" }]', "[a]: unknown key quants[0].fil; did you mean file?"),
        (
            '[a]\nroles = ["text"]\nstatus = "old"',
            "status must be recommended or legacy or large or closed, not old",
        ),
        (
            '[a]\nroles = ["text"]\nrepo = "a/b"\nweights = { file = "/etc/x.gguf" }',
            "/etc/x.gguf is not a file name",
        ),
        ('[a]\nroles = ["text"]\nrepo = "a/b"\nweights = { file = "../x.gguf" }', "[a]: ../x.gguf is not a file name"),
        ("[a\n", "line 1"),
        pytest.param("a = " + "[" * 100_000, "nested too deeply", id="nested"),
    ],
)
def test_an_unreadable_catalog_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ModelError) as raised:
        read(file)
    assert str(file) in str(raised.value)
    assert message in str(raised.value)


def test_a_binary_catalog_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes(b"\xff\xfe\0\0")
    with pytest.raises(ModelError, match=r"models.toml is not text in UTF-8 \(at line 1\)"):
        read(tmp_path / "models.toml")
