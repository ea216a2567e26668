"""Draws colored shapes as image files would show them."""

import colorsys
import math
import random

from corpus import Drawing
from PIL import Image, ImageDraw

HUES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-8, 8), (0.78, 1), (0.62, 1)), "green": ((95, 150), (0.55, 1), (0.4, 1)), "blue": ((208, 245), (0.65, 1), (0.5, 1)),
    "yellow": ((50, 62), (0.7, 1), (0.85, 1)), "orange": ((22, 40), (0.8, 1), (0.88, 1)), "purple": ((268, 302), (0.5, 1), (0.4, 0.8)),
    "pink": ((325, 354), (0.22, 0.6), (0.92, 1)), "black": ((0, 360), (0, 0.3), (0, 0.1)), "white": ((0, 360), (0, 0.03), (0.95, 1)),
}  # fmt: skip
"""Hue in degrees, saturation and value of each color name."""

Paint = tuple[int, int, int]


def paint(hue: float, saturation: float, value: float) -> Paint:
    red, green, blue = colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def some_paint(colour: str, rng: random.Random) -> Paint:
    return paint(*(rng.uniform(*span) for span in HUES[colour]))


def some_ground(shape: Paint, rng: random.Random) -> Paint:
    """A plain background that contrasts with the shape."""
    while True:
        kind = rng.random()
        if kind < 0.5:
            level = rng.choice((255, 255, 0, rng.randint(0, 255), rng.randint(100, 240), rng.randint(100, 240)))
            ground = (level, level, level)
        elif kind < 0.9:
            ground = paint(rng.uniform(0, 360), rng.uniform(0.03, 0.3), rng.uniform(0.75, 1))
        else:
            ground = paint(rng.uniform(0, 360), rng.uniform(0.2, 0.5), rng.uniform(0.3, 0.8))
        if math.dist(shape, ground) > 60:
            return ground


def outline(shape: str, x: float, y: float, radius: float, angle: float) -> list[tuple[float, float]]:
    """Corners of a polygon around (x, y)."""
    if shape == "square":
        corners = [(radius, angle + math.pi / 4 + i * math.pi / 2) for i in range(4)]
    elif shape == "triangle":
        corners = [(radius, angle - math.pi / 2 + i * 2 * math.pi / 3) for i in range(3)]
    else:
        corners = [(radius if i % 2 == 0 else radius * 0.42, angle - math.pi / 2 + i * math.pi / 5) for i in range(10)]
    return [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in corners]


def draw(drawing: Drawing, width: int, height: int, rng: random.Random) -> Image.Image:
    """The image at its full size."""
    fill = some_paint(drawing.colour, rng)
    ground = some_ground(fill, rng)
    image = Image.new("RGB", (width, height), ground)
    brush = ImageDraw.Draw(image)
    radius = rng.uniform(0.17, 0.48) * min(width, height)
    x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
    if rng.random() < 0.25:
        x, y = width / 2, height / 2
    if drawing.shape == "circle":
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    else:
        turned = rng.random() < (0.25 if drawing.shape == "square" else 0.4)
        reach = 0.35 if drawing.shape == "square" else math.pi
        brush.polygon(outline(drawing.shape, x, y, radius, rng.uniform(-reach, reach) if turned else 0.0), fill=fill)
    return image
