"""Small GGUF files, and the folders in which other programs keep them."""

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any


def gguf(architecture: str = "llama", *, name: str = "", template: bool = False, pad: int = 0, **numbers: int) -> bytes:
    """A GGUF file: a header with these numbers under the architecture, and `pad` zero bytes after it.

    A double underscore in a key is a dot: `split__no` is `split.no`.
    """
    texts = {"general.architecture": architecture, "general.name": name}
    if template:
        texts["tokenizer.chat_template"] = "{{ messages }}"
    texts = {key: value for key, value in texts.items() if value}
    keys = [_string(key) + struct.pack("<I", 8) + _string(value) for key, value in texts.items()]
    for key, value in numbers.items():
        full = key.replace("__", ".") if "__" in key else f"{architecture}.{key}"
        keys.insert(1, _string(full) + struct.pack("<II", 4, value))
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(keys) + b"\0" * pad


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def put(path: Path, content: bytes | None = None) -> Path:
    """Write a file, creating the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf() if content is None else content)
    return path


def hub_file(cache: Path, repo: str, file: str, content: bytes, commit: str = "a" * 40) -> Path:
    """A file in the hub's cache: a link in a snapshot to a blob."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    blob = put(folder / "blobs" / hashlib.sha256(content).hexdigest(), content)
    link = folder / "snapshots" / commit / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link


def ollama(models: Path, tag: str, model: bytes, projector: bytes | None = None) -> Path:
    """Write a model into Ollama's folder; returns the path of its blob."""
    layers: list[dict[str, Any]] = []
    for kind, content in (("model", model), ("projector", projector)):
        if content is not None:
            digest = hashlib.sha256(content).hexdigest()
            put(models / "blobs" / f"sha256-{digest}", content)
            media = f"application/vnd.ollama.image.{kind}"
            layers.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)})
    name, _, version = tag.partition(":")
    folder = (
        models / "manifests" / (f"registry.ollama.ai/{name}" if "/" in name else f"registry.ollama.ai/library/{name}")
    )
    put(folder / version, json.dumps({"schemaVersion": 2, "layers": layers}).encode())
    return models / "blobs" / layers[0]["digest"].replace(":", "-")
