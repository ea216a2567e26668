"""Images of every depth look as they do elsewhere, and no image takes gigabytes."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from lechat_tui.attachments import pixels


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def gray(mode: str, dark: float, bright: float) -> Image.Image:
    """Dark on the left, bright on the right."""
    if mode == "I;16":
        row = int(dark).to_bytes(2, "little") * 32 + int(bright).to_bytes(2, "little") * 32
        return Image.frombytes(mode, (64, 64), row * 64)
    image = Image.new(mode, (64, 64), bright)
    image.paste(dark, (0, 0, 32, 64))
    return image


def ends(content: bytes) -> tuple[int, int]:
    """The dark and the bright value as a model sees them."""
    image = pixels.rgb(content, 64, 64)
    dark, bright = image.getpixel((8, 8)), image.getpixel((56, 8))
    assert isinstance(dark, tuple) and isinstance(bright, tuple)
    return dark[0], bright[0]


@pytest.mark.parametrize(
    ("mode", "dark", "bright", "expected"),
    [
        ("L", 78, 234, (78, 234)),
        ("I;16", 20000, 60000, (77, 233)),
        ("I;16", 1000, 4000, (62, 249)),
        ("I;16", 78, 234, (78, 234)),
        ("I", 20000, 60000, (77, 233)),
        ("I", -100, 100, (0, 255)),
        ("F", 0.25, 1.0, (63, 255)),
        ("F", 50.0, 200.0, (50, 200)),
        ("F", -3.0, 3.0, (0, 255)),
        ("F", 0.0, 1e9, (0, 255)),
    ],
)
def test_gray_of_every_depth_keeps_its_shades(mode: str, dark: float, bright: float, expected: tuple[int, int]) -> None:
    content = saved(gray(mode, dark, bright), "PNG" if mode in ("L", "I;16") else "TIFF")
    assert ends(content) == pytest.approx(expected, abs=2)


def test_an_image_is_upright_and_on_white_and_never_enlarged() -> None:
    image = Image.new("RGB", (40, 20), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    assert pixels.rgb(saved(image, "JPEG", exif=exif), 100, 100).size == (20, 40)
    assert pixels.rgb(saved(image, "JPEG", exif=exif), 10, 10).size == (5, 10)
    clear = saved(Image.new("RGBA", (2, 2), (0, 0, 0, 0)))
    assert pixels.rgb(clear, 2, 2).getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_large_image_is_the_same_in_bands(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.linear_gradient("L").resize((500, 700)).convert(mode)
    whole = pixels.rgb(saved(image), 50, 50)
    monkeypatch.setattr(pixels, "_BAND_PIXELS", 500 * 40)
    assert pixels.rgb(saved(image), 50, 50).tobytes() == whole.tobytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_is_whole(progressive: bool) -> None:
    image = Image.effect_noise((320, 240), 80).convert("RGB")
    content = saved(image, "JPEG", progressive=progressive)
    assert pixels.size(content[:-2]) == (320, 240)
    assert pixels.size(content[:-2] + b"\0\0\0") == (320, 240)
    assert pixels.rgb(content[:-2], 320, 240).tobytes() == pixels.rgb(content, 320, 240).tobytes()


def test_a_jpeg_cut_in_its_middle_is_damaged() -> None:
    content = saved(Image.effect_noise((320, 240), 80).convert("RGB"), "JPEG")
    with pytest.raises(OSError):
        pixels.size(content[: len(content) // 2])


@pytest.mark.parametrize("size", [(1, 40_000), (40_000, 1), (20_000, 20_000)])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    content = saved(Image.new("1", size))
    with pytest.raises((pixels.TooManyPixels, Image.DecompressionBombError)):
        pixels.size(content)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(("mode", "size"), [("1", (10_000, 10_000)), ("P", (9_000, 11_000)), ("I;16", (7_000, 7_000))])
def test_a_large_image_takes_little_more_memory_than_its_pixels(mode: str, size: tuple[int, int], tmp_path) -> None:
    file = tmp_path / "large.png"
    Image.new(mode, size).save(file)
    program = (
        "import sys; from pathlib import Path; from lechat_tui.attachments import pixels;"
        "content = Path(sys.argv[1]).read_bytes(); pixels.size(content); pixels.rgb(content, 2048, 2048);"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    run = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
    assert int(run.stdout) * 1024 < 500_000_000
