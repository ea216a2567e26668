"""Dataclasses whose methods are generated late behave as those of the standard library."""

import dataclasses
import threading
from typing import Any

import pytest

from lechat_tui import values


def classes(decorator: Any) -> tuple[type, type, type]:
    """A dataclass, one derived from it, and a plain class derived from that."""

    @decorator(frozen=True)
    class Base:
        name: str
        marks: list[int] = dataclasses.field(default_factory=list)
        size: int = 3

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError(self.size)

    @decorator(frozen=True)
    class Derived(Base):
        size: int = 4
        extra: str = ""

    class Plain(Derived):
        pass

    return Base, Derived, Plain


def outcome(run: Any, *given: type) -> str:
    try:
        return repr(run(*given))
    except Exception as error:  # noqa: BLE001  # which one is compared
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    "run",
    [
        lambda base, derived, plain: plain("a", size=7),
        lambda base, derived, plain: [derived("a"), base("b", [1])],
        lambda base, derived, plain: base("a") == base("a") != base("b"),
        lambda base, derived, plain: base("a", [1], 2, 3),
        lambda base, derived, plain: base("a", size=-1),
        lambda base, derived, plain: hash(base("a", ())) == hash(base("a", ())),
        lambda base, derived, plain: setattr(derived("a"), "name", "b"),
        lambda base, derived, plain: dataclasses.replace(derived("a"), extra="c"),
        lambda base, derived, plain: dataclasses.asdict(derived("a", [2])),
        lambda base, derived, plain: [field.name for field in dataclasses.fields(derived)],
        lambda base, derived, plain: dataclasses.is_dataclass(plain),
        lambda base, derived, plain: base.__match_args__ if base("a") else (),
        lambda base, derived, plain: derived.size,
    ],
)
def test_a_late_dataclass_behaves_like_one_of_the_standard_library(run: Any) -> None:
    assert outcome(run, *classes(values.dataclass)) == outcome(run, *classes(dataclasses.dataclass))


def test_threads_may_create_the_first_instances() -> None:
    for _ in range(20):
        base = classes(values.dataclass)[0]
        made: list[str] = []
        threads = [threading.Thread(target=lambda of=base, to=made: to.append(of("a", [1]).name)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == ["a"] * 8
