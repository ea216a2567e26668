"""How the threads of OpenMP wait for each other: by spinning, or by yielding their core soon.

GNU's library reads its wait policy once, from the environment. But while there are more threads under its control than
processors, it spins only briefly, and that can be changed while the program runs: a pool of idle threads that belongs
to another thread is enough, and ends with it (GCC manual of libgomp, GOMP_SPINCOUNT).
"""

import ctypes
import os
import threading
from pathlib import Path

MAPS = Path("/proc/self/maps")

SET_BY_USER = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_THREAD_LIMIT", "OMP_DYNAMIC")
"""Variables with which the user decides it."""


class WaitPolicy:
    """Lets the threads of this process yield; does nothing where its OpenMP is not GNU's, or the user decides."""

    def __init__(self) -> None:
        self._library = None if any(name in os.environ for name in SET_BY_USER) else _loaded_library()
        self._end: threading.Event | None = None

    @property
    def available(self) -> bool:
        """Whether it can be changed here."""
        return self._library is not None

    def set(self, *, yields: bool) -> None:
        """From now on, threads that wait yield their core soon, or spin."""
        if yields and self._library and not self._end:
            self._end, ready = threading.Event(), threading.Event()
            threading.Thread(target=_hold_idle_threads, args=(self._library, ready, self._end), daemon=True).start()
            ready.wait()
        elif not yields and self._end:
            self._end.set()
            self._end = None


def _hold_idle_threads(library: ctypes.CDLL, ready: threading.Event, end: threading.Event) -> None:
    """Start more threads than there are processors, which sleep until this one ends."""
    nothing = ctypes.cast(library.omp_get_num_threads, ctypes.c_void_p)  # a C function without any effect
    count = ctypes.c_uint((os.cpu_count() or 1) + 1)
    library.GOMP_parallel(nothing, ctypes.c_void_p(), count, ctypes.c_uint(0))
    ready.set()
    end.wait()


def _loaded_library() -> ctypes.CDLL | None:
    """llama.cpp's library, through which its OpenMP is found if that is GNU's; None without it."""
    try:
        paths = [line.split(maxsplit=5)[-1] for line in MAPS.read_text().splitlines() if "ggml-cpu" in line]
        library = ctypes.CDLL(paths[0]) if paths else None
    except (OSError, UnicodeError):
        return None
    names = ("GOMP_parallel", "omp_get_num_threads")
    gnu = all(hasattr(library, name) for name in names) and not hasattr(library, "__kmpc_barrier")
    return library if gnu else None
