"""llama.cpp's log: everything but debug messages to stderr, and the first error kept for the user."""

import ctypes
import re
import sys

import llama_cpp
from llama_cpp import mtmd_cpp

_DEBUG, _ERROR = 1, 4
"""`GGML_LOG_LEVEL_...` of ggml.h."""


class Log:
    """Takes what llama.cpp logs, from its creation on."""

    def __init__(self) -> None:
        self.error = ""
        """The first error, which is the cause of the later ones, since this was last set to an empty string."""
        self._callback = llama_cpp.llama_log_callback(self._write)  # a collected callback is a crash
        for set_log in (llama_cpp.llama_log_set, mtmd_cpp.mtmd_log_set, mtmd_cpp.mtmd_helper_log_set):
            set_log(self._callback, ctypes.c_void_p(0))

    def _write(self, level: int, text: bytes, _: object) -> None:
        line = text.decode("utf-8", "replace")
        if level == _ERROR:
            self.error = self.error or line.strip()
        if level != _DEBUG:
            sys.stderr.write(line)

    def reason(self) -> str:
        """The first error in brackets, to append to a sentence; empty without one."""
        error = _FUNCTION.sub("", self.error).removeprefix("error loading model: ")
        return f" ({error.rstrip('.')})" if error else ""


_FUNCTION = re.compile(r"^(?:\w+(?:::\w+)*: )+")
"""The names of llama.cpp's functions, which its log lines begin with."""
