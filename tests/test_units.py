"""Sizes, durations, speeds and token counts as text."""

from datetime import datetime

import pytest

from lechat_tui import units


@pytest.mark.parametrize(
    ("bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (27_600, "27.6 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (3_400_000, "3.4 MB"),
        (5_198_911_904, "5.2 GB"),
        (1_234_000_000_000, "1234.0 GB"),
    ],
)
def test_sizes_are_in_decimal_units(bytes: int, text: str) -> None:
    assert units.size_text(bytes) == text


def test_an_amount_is_in_the_unit_of_its_total() -> None:
    assert units.amount_text(120_000_000, 5_200_000_000) == "0.1 of 5.2 GB"
    assert units.amount_text(120, 850) == "120 of 850 bytes"
    assert units.amount_text(120_000_000, 0) == "120.0 MB"


def test_durations_take_the_unit_that_a_reader_needs() -> None:
    seconds = (0, 40.4, 59.6, 200, 5_369, 5_400)
    assert [units.duration_text(value) for value in seconds] == ["0 s", "40 s", "1 min", "3 min", "89 min", "1.5 h"]


def test_latencies_are_milliseconds_below_a_tenth_of_a_second() -> None:
    assert [units.latency_text(value) for value in (80, 350, 1_240)] == ["80 ms", "0.35 s", "1.24 s"]


def test_speeds_name_their_unit() -> None:
    assert units.speed_text(38_100_000.4) == "38.1 MB/s"
    assert [units.token_speed_text(value) for value in (3.44, 57.4)] == ["3.4 tokens/s", "57 tokens/s"]


def test_a_window_is_counted_in_1024s_and_other_token_counts_in_thousands() -> None:
    assert [units.tokens_text(n) for n in (850, 3_940, 8_192, 12_345)] == ["850", "3.9k", "8k", "12k"]


@pytest.mark.parametrize(
    ("then", "long", "short"),
    [
        (datetime(2026, 11, 27, 9, 5), "today 09:05", "09:05"),
        (datetime(2026, 11, 26, 23, 59), "yesterday", "23:59"),
        (datetime(2026, 11, 23, 8, 0), "Mon", "Mon"),
        (datetime(2026, 11, 20, 8, 0), "20 Nov 2026", "20 Nov"),
        (datetime(2025, 11, 12, 8, 0), "12 Nov 2025", "Nov 2025"),
        (datetime(2046, 11, 28, 8, 0), "28 Nov 2046", "Nov 2046"),  # by a wrong clock
    ],
)
def test_a_date_is_as_short_as_it_is_clear(then: datetime, long: str, short: str) -> None:
    now = datetime(2026, 11, 27, 14, 32)
    assert units.date_text(then.timestamp(), now) == long
    assert units.short_date_text(then.timestamp(), now) == short


def test_a_time_is_typed_with_its_unit() -> None:
    typed = ("90d", "8w", "6 m", "1Y", "0d", "90", "d", "1y6m", "²d", "")
    days = [seconds and seconds / 86_400 for seconds in map(units.span_seconds, typed)]
    assert days == [90, 56, 180, 365, None, None, None, None, None, None]
