"""The base class of all errors that are shown to the user."""


class LechatError(Exception):
    """The text is a sentence for the user: what happened and what to do next. It is shown as it is, in one line."""


class NothingSent(LechatError):
    """The user decided not to send a question."""
