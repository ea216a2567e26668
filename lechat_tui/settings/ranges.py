"""The numbers that settings, the catalog and the command line accept. Every other value is rejected with its range."""

from typing import Annotated

from msgspec import Meta

from lechat_tui.units import SPAN_EXAMPLES, SPAN_PATTERN

INT32 = 2**31 - 1
"""llama.cpp counts tokens and layers in 32 bits."""

Temperature = Annotated[float, Meta(ge=0, le=10)]
Share = Annotated[float, Meta(ge=0, le=1)]
"""As for top-p and min-p."""
TopK = Annotated[int, Meta(ge=0, le=INT32)]
Penalty = Annotated[float, Meta(ge=0.1, le=10)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 2)]
"""2^32 - 1 is how llama.cpp writes a random seed."""
Tokens = Annotated[int, Meta(ge=1, le=INT32)]
StopTexts = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=1000)], ...], Meta(max_length=64)]
"""An empty text would end every answer at once."""
Layers = Annotated[int, Meta(ge=-1, le=INT32)]
Threads = Annotated[int, Meta(ge=1, le=512)]
"""512 is the most that ggml starts."""
Batch = Annotated[int, Meta(ge=32, le=512)]
Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""In bytes, or of a window that may be unknown (0)."""
Minutes = Annotated[float, Meta(ge=0, le=1_000_000)]
Keep = Annotated[str, Meta(pattern=f"^({SPAN_PATTERN}|forever)$", examples=[*SPAN_EXAMPLES.split(", "), "forever"])]
TokensPerSecond = Annotated[float, Meta(gt=0, le=1_000_000)]
