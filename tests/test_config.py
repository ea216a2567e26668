"""`config.toml`: what holds without one, and what a mistake in it is answered with."""

from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from lechat_tui.settings.config import ConfigError, Settings, changed, load, override
from lechat_tui.settings.options import OPTIONS, option


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
        embed = "nomic"
        system = "Réponds en français"
        theme = "mistral-light"
        stats = true
        reduced = true
        pictures = "blocks"
        bidi = "terminal"
        temperature = 1
        top_p = 0.9
        top_k = 40
        min_p = 0.05
        repeat_penalty = 1.1
        seed = 0
        max_tokens = 100
        stop = ["END"]
        think = "off"
        context = 4096
        gpu_layers = 0
        threads = 2
        states = 0
        keep = "90d"
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
        embed="nomic",
        system="Réponds en français",
        theme="mistral-light",
        stats=True,
        reduced=True,
        pictures="blocks",
        bidi="terminal",
        temperature=1.0,
        top_p=0.9,
        top_k=40,
        min_p=0.05,
        repeat_penalty=1.1,
        seed=0,
        max_tokens=100,
        stop=("END",),
        think="off",
        context=4096,
        gpu_layers=0,
        threads=2,
        states=0,
        keep="90d",
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
        ('temperature = "hot"', "temperature must be a number, not text in quotes"),
        ("temperature = -0.5", "temperature must be from 0 to 10"),
        ("temperature = nan", "temperature must be from 0 to 10"),
        ("context = 0", "context must be from 1 to 2147483647"),
        ("context = true", "context must be a whole number, not true or false"),
        ("threads = -1", "threads must be from 1 to 512"),
        ("gpu_layers = -2", "gpu_layers must be from -1 to 2147483647"),
        ("seed = 4294967295", "seed must be from 0 to 4294967294"),
        ('keep = "soon"', "keep must be like 90d, 8w, 6m, 1y or forever"),
        ("keys = 3", "keys must be a table, not a whole number"),
        ("[keys]\nstop = 3", "keys.stop must be text in quotes, not a whole number"),
        ("theme = \n", "line 1"),
        ('theme = "a"\ntheme = "b"\n', "line 2"),
        pytest.param("text = " + "[" * 100_000, "nested too deeply", id="nested"),
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


def test_a_number_out_of_range_is_rejected_or_kept_as_it_is(tmp_path: Path) -> None:
    for field, value in product(fields(Settings), ["inf", "nan", "-inf", "1e400", "-5", str(2**31), str(2**63)]):
        number = float(value) if set(value) & set("infae") else int(value)
        try:
            settings = load(written(tmp_path, f"{field.name} = {value}"))
        except ConfigError as error:
            assert field.name in str(error) or "TOML" in str(error)
        else:
            assert getattr(settings, field.name) == number and abs(number) < 2**63


@pytest.mark.parametrize("value", [float("nan"), -1.0, 10.5])
def test_what_the_command_line_overrides_has_the_same_range(value: float) -> None:
    with pytest.raises(ConfigError, match="temperature must be from 0 to 10"):
        override(Settings(), {"temperature": value})
    assert override(Settings(), {"temperature": 2.0, "seed": None}) == Settings(temperature=2.0)


def declared(name: str) -> tuple[type, float | None, float | None]:
    """Type and range of a field of `Settings`."""
    hint = get_type_hints(Settings, include_extras=True)[name]
    kind, meta = get_args(next((part for part in get_args(hint) if hasattr(part, "__metadata__")), hint))
    return kind, meta.ge, meta.le


def test_every_option_is_a_setting_with_its_type_and_range() -> None:
    for row in OPTIONS:
        assert hasattr(Settings(), row.name)
        if not (row.repeats or row.switches):
            assert row.range == declared(row.name), row.name
        assert option(row.flag.removeprefix("--")) is row
        assert all(option(alias) is row for alias in row.aliases)


@pytest.mark.parametrize(
    ("typed", "stop"),
    [
        ("END", ("END",)),
        ('"The end" \'it is "over"\'', ("The end", 'it is "over"')),
        (r"\n\n ### \t", ("\n\n", "###", "\t")),
        (r"C:\\new \d", ("C:\\new", "\\d")),
    ],
)
def test_stop_strings_are_typed_one_after_the_other(typed: str, stop: tuple[str, ...]) -> None:
    assert changed(Settings(), "stop", typed).stop == stop
    assert changed(Settings(stop=stop), "stop", None).stop is None


@pytest.mark.parametrize(
    ("typed", "error"), [('"open', "a quote is not closed"), ("''", "must not be empty"), ("a ''", "must not be empty")]
)
def test_a_stop_string_that_cannot_be_one_is_rejected(typed: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        changed(Settings(), "stop", typed)


def test_no_two_options_share_a_name() -> None:
    names = [name for row in OPTIONS for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))
