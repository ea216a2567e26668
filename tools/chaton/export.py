"""Writes the trained weights as the two GGUF files that llama.cpp loads.

    python tools/chaton/export.py --work build/chaton --out lechat_tui/data/chaton

Keys and tensor names are those of llama.cpp's gguf-py/gguf/constants.py (architectures `llama` and `clip`, projector `pixtral`).
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from model import DecoderShape, VisionShape
from tokens import BEGIN, CONTROL, END, PAD, TEMPLATE, Vocabulary
from torch import Tensor
from train import DECODER, VISION

BLOCK = {
    "before_attention": "attn_norm", "query": "attn_q", "key": "attn_k", "value": "attn_v", "out": "attn_output",
    "before_inner": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}  # fmt: skip
TOWER_BLOCK = BLOCK | {"before_attention": "ln1", "out": "attn_out", "before_inner": "ln2"}
LINEAR = gguf.GGMLQuantizationType.Q8_0
MEAN, DEVIATION = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]


def add(writer: gguf.GGUFWriter, name: str, tensor: Tensor) -> None:
    """Add a tensor: matrices as q8_0, whose rows are blocks of 32, everything else unchanged."""
    array = tensor.detach().float().numpy()
    if array.ndim == 2 and array.shape[-1] % 32 == 0:
        writer.add_tensor(name, gguf.quants.quantize(array, LINEAR), raw_dtype=LINEAR)
    elif array.ndim == 4:
        writer.add_tensor(name, array.astype(np.float16))  # A convolution: llama.cpp takes no q8_0 here.
    else:
        writer.add_tensor(name, array)


def finish(writer: gguf.GGUFWriter, beside: Path, path: Path) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    beside.replace(path)  # a program that loads it meanwhile sees the old file or the new one


def write_decoder(path: Path, weights: dict[str, Tensor], shape: DecoderShape, vocabulary: Vocabulary) -> None:
    beside = path.with_suffix(".part")
    writer = gguf.GGUFWriter(beside, "llama")
    writer.add_name("chaton")
    writer.add_description("A toy model: capitals, small sums, your name, coloured shapes.")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)

    learned = vocabulary.tokenizer.get_vocab()
    tokens = CONTROL + sorted(learned, key=learned.__getitem__)
    spare = shape.vocabulary - len(tokens)
    tokens += [f"<UNUSED_{i}>" for i in range(spare)]
    kinds = (
        [gguf.TokenType.CONTROL] * len(CONTROL)
        + [gguf.TokenType.NORMAL] * len(learned)
        + [gguf.TokenType.UNUSED] * spare
    )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(vocabulary.merges())
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE)

    add(writer, "token_embd.weight", weights["embedding.weight"])
    add(writer, "output_norm.weight", weights["norm.weight"])
    for i in range(shape.layers):
        for ours, theirs in BLOCK.items():
            add(writer, f"blk.{i}.{theirs}.weight", weights[f"blocks.{i}.{ours}.weight"])
    finish(writer, beside, path)


def full_patches(weight: Tensor, shape: VisionShape) -> Tensor:
    """The patch embedding for full-resolution pixels: each weight spread evenly over the pixels that were averaged."""
    small = weight.view(shape.width, 3, shape.small_patch, shape.small_patch)
    return small.repeat_interleave(shape.reduce, 2).repeat_interleave(shape.reduce, 3) / shape.reduce**2


def write_tower(path: Path, weights: dict[str, Tensor], shape: VisionShape, decoder_width: int) -> None:
    beside = path.with_suffix(".part")
    writer = gguf.GGUFWriter(beside, "clip")
    writer.add_type("mmproj")
    writer.add_name("chaton")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "pixtral")
    writer.add_bool("clip.use_silu", True)
    writer.add_uint32("clip.vision.image_size", shape.patch * 16)
    writer.add_uint32("clip.vision.patch_size", shape.patch)
    writer.add_uint32("clip.vision.embedding_length", shape.width)
    writer.add_uint32("clip.vision.feed_forward_length", shape.inner)
    writer.add_uint32("clip.vision.block_count", shape.layers)
    writer.add_uint32("clip.vision.attention.head_count", shape.heads)
    writer.add_uint32("clip.vision.projection_dim", decoder_width)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", shape.epsilon)
    writer.add_array("clip.vision.image_mean", MEAN)
    writer.add_array("clip.vision.image_std", DEVIATION)
    writer.add_uint32("clip.vision.spatial_merge_size", shape.merge)

    add(writer, "v.patch_embd.weight", full_patches(weights["patches.weight"], shape))
    add(writer, "v.pre_ln.weight", weights["first_norm.weight"])
    add(writer, "v.token_embd.img_break", weights["row_break"])
    for i in range(shape.layers):
        for ours, theirs in TOWER_BLOCK.items():
            add(writer, f"v.blk.{i}.{theirs}.weight", weights[f"blocks.{i}.{ours}.weight"])
    add(writer, "mm.input_norm.weight", weights["last_norm.weight"])
    add(writer, "mm.patch_merger.weight", weights["merger.weight"])
    for number, ours in ((1, "project_in"), (2, "project_out")):
        add(writer, f"mm.{number}.weight", weights[f"{ours}.weight"])
        add(writer, f"mm.{number}.bias", weights[f"{ours}.bias"])
    finish(writer, beside, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/chaton"))
    parser.add_argument("--out", type=Path, default=Path("lechat_tui/data/chaton"))
    parser.add_argument("--checkpoint", default="joint.pt", help="text.pt writes the decoder alone")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    state = torch.load(options.work / options.checkpoint)
    vocabulary = Vocabulary.load(options.work / "tokenizer.json")
    write_decoder(options.out / "chaton-q8_0.gguf", state["mean"], DECODER, vocabulary)
    if "mean_vision" in state:
        write_tower(options.out / "chaton-mmproj-q8_0.gguf", state["mean_vision"], VISION, DECODER.width)
    for file in sorted(options.out.glob("*.gguf")):
        print(f"{file} {file.stat().st_size:,} bytes (step {state['step']})")


if __name__ == "__main__":
    main()
