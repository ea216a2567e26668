"""Reports what this build of llama.cpp can do on this machine: `python -m lechat_tui.engine.llama.report`.

Run in a process of its own, as the engine is. Reads a `Load` frame from stdin and writes a JSON object.
"""

import os
import sys
import time
from dataclasses import asdict

import msgspec


def main() -> None:
    """Write the devices, the machine, how busy it is and how the model of the frame would be set up."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native prints go elsewhere
    import llama_cpp

    from lechat_tui.engine import wire
    from lechat_tui.engine.llama.devices import devices, gpu_memory
    from lechat_tui.engine.llama.threads import READ_INTERVAL_SECONDS, busy_text, fitting
    from lechat_tui.engine.llama.tuning import choose, default_threads
    from lechat_tui.machine import hardware
    from lechat_tui.machine.load import CpuLoad

    frame = wire.decode_down(sys.stdin.buffer.readline())
    assert isinstance(frame, wire.Load)
    load = CpuLoad()
    llama_cpp.llama_backend_init()
    time.sleep(READ_INTERVAL_SECONDS)
    taken = load.taken()
    found, machine = devices(), hardware.read()
    limit, _ = default_threads(machine)
    threads = "" if taken is None else _decoding(fitting(limit - taken, limit)) + busy_text(taken, limit)
    report = {
        "engine": f"llama-cpp-python {llama_cpp.__version__}",
        "system": llama_cpp.llama_print_system_info().decode("utf-8", "replace").strip(),
        "gpu_offload": bool(llama_cpp.llama_supports_gpu_offload()),
        "mmap": bool(llama_cpp.llama_supports_mmap()),
        "threads": threads,
        "devices": [asdict(device) for device in found],
        "machine": asdict(machine),
        "tuning": asdict(choose(frame.model, machine, gpus=gpu_memory())),
    }
    out.write(msgspec.json.encode(report))
    out.flush()


def _decoding(threads: int) -> str:
    return f"{threads} {'thread' if threads == 1 else 'threads'} would decode now: "


if __name__ == "__main__":
    main()
