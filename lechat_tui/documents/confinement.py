"""What a child process that parses documents may do: compute, and read; no network, no other program, little memory.

A document is hostile until it is shown otherwise, and the parsers are large. Python's own sockets and programs are
refused by an audit hook; native code is stopped by a system call filter, where the system is Linux on x86-64 or ARM64.
"""

import ctypes
import os
import platform
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
"""See prctl(2)."""

SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
EACCES = 13

_CALLS = {"x86_64": (0xC000003E, (41, 42, 59, 322)), "aarch64": (0xC00000B7, (198, 203, 221, 281))}
"""The audit number of an architecture, and its numbers of `socket`, `connect`, `execve` and `execveat`."""

_REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.", "ftplib.", "ssl.")
"""Audit events that begin like this are refused, apart from what only reads names."""


class Refused(PermissionError):
    """A parser tried to use the network or to start a program."""


def confine() -> BinaryIO:
    """Limit this process for the rest of its life; the stream to print results to.

    What native code prints goes to stderr, never between the results.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_resources(int(os.environ.get("LECHAT_MAX_MEMORY", "2000000000")))
    _end_with_parent()
    sys.addaudithook(_refuse)
    with suppress(OSError, AttributeError):
        _filter_system_calls()
    return out


def _refuse(event: str, _: object) -> None:
    if event.startswith(_REFUSED):
        raise Refused(f"a document may not use {event}")


def _limit_resources(memory_bytes: int) -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file may grow: pipes are not files
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _end_with_parent() -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _filter_system_calls() -> None:
    """Let `socket`, `connect` and `execve` fail with EACCES: a filter in classic BPF, see seccomp(2)."""
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return
    architecture, calls = _CALLS[platform.machine()]
    load, jump_equal, give = 0x20, 0x15, 0x06
    program = [(load, 0, 0, 4), (jump_equal, 1, 0, architecture), (give, 0, 0, SECCOMP_RET_ERRNO | EACCES)]
    program.append((load, 0, 0, 0))
    for call in calls:
        program += [(jump_equal, 0, 1, call), (give, 0, 0, SECCOMP_RET_ERRNO | EACCES)]
    program.append((give, 0, 0, SECCOMP_RET_ALLOW))
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(program), ctypes.addressof(buffer))), 0, 0)
