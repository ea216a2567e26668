"""What leaves this machine, and that the user is asked first. Nothing here is sent: the commands are told no, or to."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakehost import FakeHost, host_of
from replay import choice, replaying, sse, stream

from lechat_tui.engine.base import RemoteModel
from lechat_tui.engine.remote import discovery
from lechat_tui.message import Message, Receipt
from lechat_tui.models import servers
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.store import Store
from lechat_tui.talk import titles

THERE = Model("office/m", "M", ("text",), server="http://office.example", model="m", dialect="openai")
NEAR = Model("near/m", "M", ("text",), server="http://localhost:1", model="m", dialect="openai")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHost]:
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    rows = [Model("petit", "Petit", ("text",), Weights(str(weights)), context=800), THERE, NEAR]
    with Store(tmp_path / "data") as store:
        yield host_of(store, Models({model.id: model for model in rows}))


def talked(host: FakeHost, by: Model) -> None:
    """One question with its answer."""
    chat = host.store.new_chat("What is it?", model=by.id)
    question = host.store.add(chat.id, Message("user", "What is it?"), 0)
    receipt = Receipt(by.id, server="office.example" if by.server else "")
    host.store.add(chat.id, Message("assistant", "A cat.", receipt=receipt), question.id)
    host.conversation.open(host.store.chat(chat.id))


@pytest.mark.parametrize("line", ["/model office/m", "/compare office/m Why?", "/regen office/m"])
async def test_another_machine_is_asked_about_once_and_for_a_private_chat_every_time(host, line):
    talked(host, host.models.get("petit"))
    host.answers = ["no", "yes"]
    await host.do(line)
    assert "sent to office.example without encryption" in host.questions[0]
    assert not host.switched and not host.compared and not host.by
    with pytest.raises(ModelError, match="another machine"):
        host.conversation.spec(THERE)
    await host.do(line)
    await host.do(line)
    assert len(host.questions) == 2, "yes is remembered"
    assert isinstance(host.conversation.spec(THERE), RemoteModel)
    for number in (3, 4):
        host.conversation.open(None, private=True)
        with pytest.raises(ModelError, match="this chat is private"):
            host.conversation.spec(THERE)
        host.answers = ["yes"]
        await host.do("/model office/m")
        assert len(host.questions) == number and "This chat is private" in host.questions[-1]
        assert isinstance(host.conversation.spec(THERE), RemoteModel)


async def test_a_server_of_this_machine_is_not_asked_about_and_offline_mode_refuses_the_others(host, monkeypatch):
    await host.do("/model near/m")
    assert host.switched == [("near/m", "text")] and not host.questions
    host.conversation.switch(NEAR)
    assert "server   http://localhost:1" in await host.do("/status")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for line in ("/model office/m", "/connect http://office.example"):
        with pytest.raises(ModelError, match="lechat is offline"):
            await host.do(line)
    assert isinstance(host.conversation.spec(NEAR), RemoteModel)


@pytest.mark.parametrize(("by", "now", "named"), [("petit", "petit", True), ("near/m", "near/m", True),
                                                  ("petit", "near/m", False), ("near/m", "petit", False)])  # fmt: skip
def test_a_title_is_made_only_by_the_model_that_has_answered(host, by, now, named):
    talked(host, host.models.get(by))
    host.conversation.switch(host.models.get(now))
    assert titles.can_name(host.conversation) == named


async def test_connecting_asks_before_anything_is_sent_and_lists_what_the_server_has(host, monkeypatch):
    async def none() -> list[servers.Server]:
        return []

    monkeypatch.setattr(discovery, "discover", none)
    assert "no server found" in await host.do("/connect")
    host.answers = ["no"]
    await host.do("/connect http://office.example")
    assert "leave this machine" in host.questions[0] and not servers.connected()
    listed = {"data": [{"id": "mistral-small", "max_model_len": 4096}]}
    answer = stream(sse(choice({"content": "Hi"}, "stop")))
    async with replaying({"/v1/models": listed, "/v1/chat/completions": answer}) as replay:
        host.answers = ["127.0.0.1/mistral-small"]
        await host.do(f"/connect {replay.url}/v1")
        assert [(row.value, row.detail) for row in host.offered] == [("127.0.0.1/mistral-small", "4,096 tokens")]
        assert host.switched == [("127.0.0.1/mistral-small", "text")]
        assert [call.path for call in replay.calls][-1] == "/v1/models"
    assert await asyncio.to_thread(servers.connected)
