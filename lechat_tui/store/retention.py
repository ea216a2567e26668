"""Which chats were unused for a long time, by clocks that may have been wrong."""

import sqlite3

from lechat_tui.store.rows import moment, whole

DAY_SECONDS = 86_400.0

LONG_PAUSE_SECONDS = 30 * DAY_SECONDS
"""A longer time between two messages may be a clock that was changed."""

CONFIRMED_SECONDS = 7 * DAY_SECONDS
"""After so much use it was a pause, and not a wrong clock, which people set right."""

EARLIEST_MOMENT = 1_735_689_600.0
"""The beginning of 2025: a message with an earlier date was written by a clock that was never set."""


def unused_for(db: sqlite3.Connection, seconds: float, now: float) -> list[int]:
    """The IDs of the chats that nothing was added to for so long, the oldest first.

    Time is counted from now backward, message by message, in the order in which they were added. A long pause counts
    only when it is confirmed by use after it, so that a clock that jumps years ahead deletes nothing; and where the
    clock was set back nothing is counted. For a short time to keep chats, half of it is a long pause already.
    """
    long, confirmed = min(LONG_PAUSE_SECONDS, seconds / 2), min(CONFIRMED_SECONDS, seconds / 2)
    age, clock = 0.0, now
    for id, written in db.execute("SELECT id, written FROM message ORDER BY id DESC"):
        then = moment(written)
        if EARLIEST_MOMENT <= then < clock:
            pause, clock = clock - then, then
            age += pause if pause <= long or age >= confirmed else 0
        if age > seconds:
            return _unused_since(db, whole(id), now - seconds, now)
    return []


def _unused_since(db: sqlite3.Connection, message: int, since: float, now: float) -> list[int]:
    """The chats that end with this message or an earlier one, unless an answer in them was continued since then."""
    query = """SELECT id FROM chat WHERE last BETWEEN 1 AND ? AND NOT EXISTS (
                   SELECT 1 FROM message WHERE message.chat = chat.id AND written > ? AND written <= ?
               ) ORDER BY last"""
    return [whole(id) for (id,) in db.execute(query, (message, since, now))]
