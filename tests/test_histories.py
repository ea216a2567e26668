"""A history written by an earlier version opens with everything in it."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lechat_tui.message import Attachment, Message, Receipt
from lechat_tui.store import Chat, Draft, Store

HISTORIES = Path(__file__).parent / "histories"

VERSIONS = sorted(folder.name for folder in HISTORIES.iterdir() if folder.is_dir())


@pytest.fixture(params=VERSIONS)
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the history that this version left."""
    return Path(shutil.copytree(HISTORIES / request.param, tmp_path / "data"))


def test_everything_is_still_there(history: Path) -> None:
    expected = json.loads((history / "expected.json").read_text("utf-8"))
    with Store(history) as store:
        assert read(store) == expected
    with Store(history) as store:  # once more, now that the tables are of this version
        assert read(store) == expected


def test_every_attachment_has_its_content(history: Path) -> None:
    with Store(history) as store:
        messages = [message for chat in store.chats() for message in store.messages(chat.id)]
        pictures = [picture for message in messages for picture in message.attachments]
        assert pictures
        for picture in pictures:
            assert hashlib.sha256(picture.path.read_bytes()).hexdigest() == picture.sha256


def test_a_search_finds_old_messages(history: Path) -> None:
    with Store(history) as store:
        assert [hit.chat.title for hit in store.search("cheese")] == ["What is in notes.txt?"]


def test_it_can_be_added_to(history: Path) -> None:
    with Store(history) as store:
        chat = next(chat for chat in store.chats() if store.path(chat.id)[0].attachments)
        question = Message("user", "Once more", attachments=store.path(chat.id)[0].attachments)
        added = store.add(chat.id, question, chat.leaf)
        assert store.path(chat.id)[-1] == added
        store.set_drafts(chat.id, [Draft("later", question.attachments)])
        assert store.drafts(chat.id) == [Draft("later", question.attachments)]
        store.delete(chat.id)
        assert store.chat(chat.id) is None


def read(store: Store) -> dict[str, Any]:
    """All of a history, as `expected.json` has it."""
    return {
        "chats": [
            {
                **_chat(chat),
                "shown": [message.id for message in store.path(chat.id)],
                "messages": [_message(message) for message in store.messages(chat.id)],
                "drafts": _drafts(store.drafts(chat.id)),
            }
            for chat in sorted(store.chats(), key=lambda chat: chat.id)
        ],
        "drafts": _drafts(store.drafts(0)),
        "prompts": store.prompts(),
    }


def _chat(chat: Chat) -> dict[str, Any]:
    """A chat with the names of 0.1.0."""
    row = asdict(chat)
    assert not row.pop("libraries")
    return row


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "text": message.text,
        "thinking": message.thinking,
        "state": message.state,
        "pinned": message.pinned,
        "created": message.created,
        "attachments": _pictures(message.attachments),
        "receipt": _receipt(message.receipt),
    }


def _receipt(receipt: Receipt | None) -> dict[str, Any] | None:
    """A receipt with the names of 0.1.0."""
    if receipt is None:
        return None
    row: dict[str, Any] = json.loads(json.dumps(asdict(receipt)))
    sampling = row.pop("sampling")
    newer = [row.pop(name) for name in ("threads", "cpu", "server", "documents", "joules")]
    assert not any(newer) and not sampling.pop("stop") and sampling.pop("think") == "auto"
    return {**row, **sampling}


def _drafts(drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    return [{"text": draft.text, "attachments": _pictures(draft.attachments)} for draft in drafts]


def _pictures(pictures: Sequence[Attachment]) -> list[dict[str, Any]]:
    return [{"sha256": p.sha256, "name": p.name, "width": p.width, "height": p.height} for p in pictures]
