"""The memory bandwidth of GPUs by name, from the makers' data sheets."""

import re

GB_PER_SECOND: dict[str, float] = {
    "RTX 5090": 1792, "RTX 5080": 960, "RTX 5070 Ti": 896, "RTX 5070": 672, "RTX 5060 Ti": 448, "RTX 5060": 448,
    "RTX 4090": 1008, "RTX 4080 SUPER": 736, "RTX 4080": 717, "RTX 4070 Ti SUPER": 672, "RTX 4070 Ti": 504,
    "RTX 4070 SUPER": 504, "RTX 4070": 504, "RTX 4060 Ti": 288, "RTX 4060": 272,
    "RTX 3090 Ti": 1008, "RTX 3090": 936, "RTX 3080 Ti": 912, "RTX 3080": 760, "RTX 3070 Ti": 608, "RTX 3070": 448,
    "RTX 3060 Ti": 448, "RTX 3060": 360,
    "H200": 4800, "L40S": 864, "RTX A6000": 768, "T4": 320,
    "RX 7900 XTX": 960, "RX 7900 XT": 800, "RX 7800 XT": 624, "RX 7600": 288, "RX 6800 XT": 512, "RX 6800": 512,
    "Apple M1": 68, "Apple M1 Pro": 200, "Apple M1 Max": 400, "Apple M1 Ultra": 800,
    "Apple M2": 100, "Apple M2 Pro": 200, "Apple M2 Max": 400, "Apple M2 Ultra": 800,
    "Apple M3": 100, "Apple M3 Pro": 150, "Apple M3 Max": 400, "Apple M3 Ultra": 800,
    "Apple M4": 120, "Apple M4 Pro": 273, "Apple M4 Max": 546,
}  # fmt: skip
"""Where a GPU is sold with several, the fastest, so that speeds predicted from it are upper bounds."""

LAPTOP = re.compile(r"\b(laptop|mobile|max-q)\b", re.IGNORECASE)


def bandwidth(name: str) -> float | None:
    """Bytes per second of the GPU with this name; None where unknown, and for the slower versions in laptops."""
    words = " ".join(re.findall(r"\w+", name)).casefold()
    if LAPTOP.search(name):
        return None
    known = [model for model in GB_PER_SECOND if re.search(rf"\b{re.escape(model.casefold())}\b", words)]
    return GB_PER_SECOND[max(known, key=len)] * 1e9 if known else None
