"""Reports what this build of llama.cpp can do on this machine: `python -m lechat_tui.engine.llama.report`.

Run in a process of its own, as the engine is. Reads a `Load` frame from stdin and writes a JSON object.
"""

import os
import sys
from dataclasses import asdict
from importlib.metadata import version

import msgspec


def main() -> None:
    """Write the devices, the machine and how the model of the frame would be set up."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native prints go elsewhere
    import llama_cpp

    from lechat_tui.engine import wire
    from lechat_tui.engine.llama.devices import devices, gpu_memory
    from lechat_tui.engine.llama.tuning import choose
    from lechat_tui.machine import hardware

    frame = wire.decode_down(sys.stdin.buffer.readline())
    assert isinstance(frame, wire.Load)
    llama_cpp.llama_backend_init()
    found, machine = devices(), hardware.read()
    report = {
        "engine": f"llama-cpp-python {version('llama-cpp-python')}",
        "system": llama_cpp.llama_print_system_info().decode("utf-8", "replace").strip(),
        "gpu_offload": bool(llama_cpp.llama_supports_gpu_offload()),
        "mmap": bool(llama_cpp.llama_supports_mmap()),
        "devices": [asdict(device) for device in found],
        "machine": asdict(machine),
        "tuning": asdict(choose(frame.model, machine, gpus=gpu_memory())),
    }
    out.write(msgspec.json.encode(report))
    out.flush()


if __name__ == "__main__":
    main()
