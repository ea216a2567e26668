"""`dataclass` of the standard library, except that a class gets its methods when it is first used.

The standard one compiles six methods for each class when its module is imported, about half a millisecond. A start
imports over a hundred such classes and uses a fifth of them.
"""

import dataclasses
from threading import RLock
from typing import TYPE_CHECKING, Any

FIELDS = "__dataclass_fields__"
"""The attribute that `fields`, `replace`, `asdict` and `is_dataclass` of the standard library read."""

_lock = RLock()
"""Held while methods are generated: they must be complete before another thread creates an instance."""

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """Make a class a dataclass; `init`, `slots` and `kw_only` are not among the options."""
        if cls is None:
            return lambda cls: dataclass(cls, **options)
        pending = _Pending(cls, options)
        setattr(cls, FIELDS, pending)
        cls.__init__ = pending.init
        return cls


class _Pending:
    """Stands for the fields and for `__init__` of a class until either is used."""

    def __init__(self, cls: Any, options: dict[str, Any]) -> None:
        self._cls = cls
        self._options = options

    def __get__(self, instance: object, owner: type) -> Any:
        self._generate()
        return getattr(owner, FIELDS)

    @property
    def init(self) -> Any:
        def __init__(instance: Any, *args: Any, **values: Any) -> None:
            self._generate()
            self._cls.__init__(instance, *args, **values)

        return __init__

    def _generate(self) -> None:
        with _lock:
            cls = self._cls
            if vars(cls)[FIELDS] is not self:
                return  # another thread was first
            dataclasses.dataclass(**self._options, init=False)(cls)
            # `dataclass` does not replace an `__init__`, and at no time may the class have none
            own = [(field.name, field.type, field) for field in dataclasses.fields(cls)]
            after = {"__post_init__": cls.__post_init__} if hasattr(cls, "__post_init__") else {}
            options = {"frozen": self._options.get("frozen", False), "repr": False, "eq": False}
            same: Any = dataclasses.make_dataclass(cls.__name__, own, namespace=after, **options)
            same.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
            cls.__init__ = same.__init__
