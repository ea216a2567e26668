"""Offline mode: whether this program may use the network at all.

`--offline` sets `HF_HUB_OFFLINE`, so the command line, the environment and child processes all obey the same variable.
"""

import os

from lechat_tui.errors import LechatError

_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""The variables that huggingface_hub reads, too; the first one that is set decides."""

STAYS_HERE = "everything stays on this machine"
"""What the user reads where nothing is sent anywhere."""

_TRUE = ("1", "ON", "YES", "TRUE")


class OfflineError(LechatError):
    """Something needs the network, and offline mode forbids it."""


def forbid() -> None:
    """Turn offline mode on, for this process and its children."""
    os.environ[_VARIABLES[0]] = "1"


def is_forbidden() -> bool:
    """Whether offline mode is on."""
    value = next(filter(None, (os.environ.get(name) for name in _VARIABLES)), "")
    return value.upper() in _TRUE


def refusal(what: str) -> str:
    """The sentence that rejects something in offline mode."""
    return f"{what} needs the network, and lechat is offline; start it without --offline and without HF_HUB_OFFLINE"


def check(what: str) -> None:
    """Raise `OfflineError` when offline mode is on; `what` begins the sentence, as in `downloading chaton`."""
    if is_forbidden():
        raise OfflineError(refusal(what))


def check_host(host: str) -> None:
    """Raise `OfflineError` when offline mode is on and the host is another machine."""
    if not is_this_machine(host):
        check(f"a server on another machine ({host})")


def is_this_machine(host: str) -> bool:
    """Whether a host name or IP address always means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
