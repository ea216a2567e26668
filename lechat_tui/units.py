"""Sizes, durations, speeds, token counts and dates as text, the same everywhere."""

import re
from datetime import datetime

_SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
"""Decimal units, as the hub and the makers of disks use them."""


def size_text(bytes: int) -> str:
    """`5.2 GB`, `38.1 MB`, `4.0 kB` or `850 bytes`."""
    unit, scale = _unit(bytes)
    return f"{bytes / scale:.1f} {unit}" if scale > 1 else f"{bytes} {unit}"


def amount_text(done: int, total: int) -> str:
    """`1.2 of 5.2 GB`: both in the unit of the total; only the size of `done` when the total is not known (0)."""
    if not total:
        return size_text(done)
    _, scale = _unit(total)
    return f"{done / scale:.1f} of {size_text(total)}" if scale > 1 else f"{done} of {size_text(total)}"


def speed_text(bytes_per_second: float) -> str:
    """`38.1 MB/s`."""
    return f"{size_text(round(bytes_per_second))}/s"


def token_speed_text(tokens_per_second: float) -> str:
    """`57 tokens/s`, and `3.4 tokens/s` below 10."""
    decimals = 1 if tokens_per_second < 9.95 else 0
    return f"{tokens_per_second:.{decimals}f} tokens/s"


def duration_text(seconds: float) -> str:
    """`40 s`, `3 min` from a minute on, `1.5 h` from an hour and a half on."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5370 else f"{seconds / 3600:.1f} h"


def latency_text(milliseconds: float) -> str:
    """`80 ms`, and `0.35 s` from 100 ms on."""
    return f"{milliseconds:.0f} ms" if milliseconds < 99.5 else f"{milliseconds / 1000:.2f} s"


def energy_text(joules: float) -> str:
    """`0.85 J`, `8.5 J`, `1,234 J`."""
    decimals = 0 if joules >= 99.5 else 1 if joules >= 1 else 2
    return f"{joules:,.{decimals}f} J"


def tokens_text(tokens: int) -> str:
    """`850`, `3.9k`, `16k`; a multiple of 1024 is counted in 1024s, so that a window of 8192 tokens is `8k`."""
    if tokens < 1000:
        return str(tokens)
    if tokens % 1024 == 0:
        return f"{tokens // 1024}k"
    return f"{tokens / 1000:.1f}k" if tokens < 10_000 else f"{tokens // 1000}k"


def date_text(moment: float, now: datetime) -> str:
    """`today 14:32`, `yesterday`, `Mon` for the five days before, `12 Nov 2026`; from seconds since the epoch."""
    then = datetime.fromtimestamp(moment)
    match (now.date() - then.date()).days:
        case 0:
            return f"today {then:%H:%M}"
        case 1:
            return "yesterday"
        case days if 1 < days < 7:
            return f"{then:%a}"
    return f"{then.day} {then:%b %Y}"


def short_date_text(moment: float, now: datetime) -> str:
    """The same below a heading with the day or the month: `14:32`, `Mon`, `12 Nov`, and `Nov 2025` of another year."""
    then = datetime.fromtimestamp(moment)
    days = (now.date() - then.date()).days
    if days in (0, 1):
        return f"{then:%H:%M}"
    if 1 < days < 7:
        return f"{then:%a}"
    return f"{then.day} {then:%b}" if then.year == now.year else f"{then:%b %Y}"


SPAN_PATTERN = r"[1-9][0-9]{0,3} ?[dwmyDWMY]"
"""A time as it is typed."""

SPAN_EXAMPLES = "90d, 8w, 6m, 1y"

_SPAN_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def span_seconds(text: str) -> float | None:
    """The seconds of `90d`, `8w`, `6m` or `1y`; a month is 30 days, a year 365. None for any other text."""
    text = text.strip()
    if not re.fullmatch(SPAN_PATTERN, text):
        return None
    return int(text[:-1]) * _SPAN_DAYS[text[-1].lower()] * 86_400.0


def _unit(bytes: int) -> tuple[str, int]:
    """The unit and its size in bytes; a number that would round to 1000.0 takes the next larger unit."""
    return next(((unit, scale) for unit, scale in _SIZES if bytes >= scale * 0.99995), ("bytes", 1))
