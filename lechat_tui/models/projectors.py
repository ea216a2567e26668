"""How large a picture a model can use, by the header of its projector."""

from lechat_tui.engine.base import LocalModel, ModelSpec
from lechat_tui.models import gguf
from lechat_tui.models.catalog import ModelError

IMAGE_TOKENS = 1024
"""Most tokens of a picture in llama.cpp, unless a model is given another limit (tools/mtmd/clip.cpp)."""

DEFAULT_PIXELS = 1241 * 1754
"""An A4 page at 150 dpi: for a server, and for a projector that does not say how large its patches are."""


def max_pixels(spec: ModelSpec) -> int:
    """The pixels of the largest picture that the model uses without scaling it down: tokens times pixels per token.

    A token stands for a square of patches, which the projector has merged.
    """
    if not isinstance(spec, LocalModel) or spec.projector is None:
        return DEFAULT_PIXELS
    try:
        metadata = gguf.peek(spec.projector).metadata
    except ModelError:
        return DEFAULT_PIXELS
    patch, merged = metadata.get("clip.vision.patch_size"), metadata.get("clip.vision.spatial_merge_size")
    if not isinstance(patch, int) or patch < 1:
        return DEFAULT_PIXELS
    side = patch * (merged if isinstance(merged, int) and merged > 0 else 1)
    return image_tokens(spec) * side * side


def image_tokens(spec: ModelSpec) -> int:
    """The most tokens that a picture takes."""
    return (spec.image_tokens if isinstance(spec, LocalModel) else None) or IMAGE_TOKENS
