"""Reads what a server streams, with a limit of time for each piece and not more often than it can be shown.

Importing this module imports the HTTP client.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2

READY_SECONDS = 0.0005
"""A piece that took less time had arrived already, so there is more to read."""
FAST_SECONDS = 0.004
"""Pieces that follow each other faster are read together, or each would cost a turn of the event loop."""
PAUSE_SECONDS = 0.006
"""For that; a frame of the screen takes longer."""


class Paced(httpx2.AsyncByteStream):
    """The stream of a response. Iterating raises `TimeoutError`."""

    def __init__(self, stream: httpx2.AsyncByteStream, first: float, silence: float) -> None:
        """`first` and `silence` are the most seconds until the first piece, and between two of them."""
        self._stream = stream
        self._first = first
        self._silence = silence

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        limit = self._first
        while True:
            began = time.monotonic()
            async with asyncio.timeout(limit):
                piece = await anext(pieces, None)
            if piece is None:
                return
            waited = time.monotonic() - began
            yield piece
            limit = self._silence
            if READY_SECONDS < waited < FAST_SECONDS:
                await asyncio.sleep(PAUSE_SECONDS)

    async def aclose(self) -> None:
        await self._stream.aclose()
