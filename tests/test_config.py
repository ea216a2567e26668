"""`config.toml`: what holds without one, and what a mistake in it is answered with."""

from dataclasses import fields
from pathlib import Path

import pytest

from lechat_tui.settings.config import ConfigError, Settings, load


def written(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, "utf-8")
    return file


def test_without_a_file_the_defaults_apply(tmp_path: Path) -> None:
    assert load(tmp_path / "none" / "config.toml") == Settings()
    assert load(written(tmp_path, "")) == Settings()


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    text = """
        text = "ministral-3-8b"
        code = "devstral-small-2"
        vision = "pixtral"
        system = "Réponds en français"
        theme = "mistral-light"
        stats = true
        reduced = true
        pictures = "blocks"
        temperature = 1
        seed = 0
        max_tokens = 100
        context = 4096
        gpu_layers = 0
        threads = 2
        states = 0
        keep_warm = 5
        titles = false
        speculate = false
        threads_batch = 4
        batch = 128
        kv_type = "q8_0"
        flash_attention = "on"
        mmap = false
        lora = ["a.gguf:0.5"]
        folders = ["~/models"]
        [keys]
        stop = "ctrl+x"
    """
    settings = load(written(tmp_path, text))
    assert settings == Settings(
        text="ministral-3-8b",
        code="devstral-small-2",
        vision="pixtral",
        system="Réponds en français",
        theme="mistral-light",
        stats=True,
        reduced=True,
        pictures="blocks",
        temperature=1.0,
        seed=0,
        max_tokens=100,
        context=4096,
        gpu_layers=0,
        threads=2,
        states=0,
        keep_warm=5.0,
        titles=False,
        speculate=False,
        threads_batch=4,
        batch=128,
        kv_type="q8_0",
        flash_attention="on",
        mmap=False,
        lora=("a.gguf:0.5",),
        folders=("~/models",),
        keys={"stop": "ctrl+x"},
    )
    defaults = Settings()
    assert [f.name for f in fields(Settings) if getattr(settings, f.name) == getattr(defaults, f.name)] == []


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbftheme = "x"\n')
    assert load(tmp_path / "config.toml").theme == "x"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('tempreature = 0.3\ntheme = "x"', "unknown key tempreature; did you mean temperature?"),
        ('temperature = "hot"', "temperature: expected float, got str"),
        ("temperature = -0.5", "temperature: expected float >= 0"),
        ("temperature = nan", "temperature: expected float >= 0"),
        ("context = 0", "context: expected int >= 1"),
        ("context = true", "context: expected int, got bool"),
        ("threads = -1", "threads: expected int >= 1"),
        ("gpu_layers = -2", "gpu_layers: expected int >= -1"),
        ("seed = 4294967295", "seed: expected int <= 4294967294"),
        ("keys = 3", "keys: expected table, got int"),
        ("[keys]\nstop = 3", "keys[...]: expected str, got int"),
        ("theme = \n", "line 1"),
        ('theme = "a"\ntheme = "b"\n', "line 2"),
        ("[" * 100_000, "not valid TOML"),
    ],
)
def test_an_error_names_the_file_and_the_place(tmp_path: Path, text: str, sentence: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load(file)
    assert str(file) in str(raised.value)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'theme = "\xff\xfe"')
    with pytest.raises(ConfigError, match=r"config.toml is not text in UTF-8"):
        load(tmp_path / "config.toml")


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config.toml can.t be read"):
        load(tmp_path / "config.toml")
