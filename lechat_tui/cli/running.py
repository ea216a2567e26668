"""`lechat ps`: the models that this user's lechat processes have loaded."""

import json
from dataclasses import asdict

from lechat_tui.cli import printing
from lechat_tui.engine.running import loaded
from lechat_tui.plaintext import safe
from lechat_tui.units import duration_text, size_text


def run(*, as_json: bool) -> None:
    """Print the loaded models. Raises `LechatError` if the system does not list processes."""
    found = loaded()
    if as_json:
        printing.show(json.dumps([asdict(row) for row in found], indent=2))
        return
    if not found:
        printing.say("no model is loaded; each lechat process loads its own, and unloads it when it exits")
        return
    on_gpu = any(row.gpu_bytes is not None for row in found)
    rows = [("model", "RAM", "GPU", "age", "process")]
    rows += [
        (safe(row.model), size_text(row.bytes), size_text(row.gpu_bytes or 0), duration_text(row.seconds), str(row.pid))
        for row in found
    ]
    width = max(len(row[0]) for row in rows)
    for name, ram, gpu, age, pid in rows:
        printing.show(f"{name:<{width}}  {ram:>8}  {f'{gpu:>8}  ' if on_gpu else ''}{age:>7}  {pid:>7}")
