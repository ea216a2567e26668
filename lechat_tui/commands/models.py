"""Commands about models: switch by name or by task, download, manage."""

import asyncio

from lechat_tui import network
from lechat_tui.commands.base import Choice, Host, command
from lechat_tui.commands.checks import may_ask
from lechat_tui.engine.base import Server
from lechat_tui.models import servers
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.units import size_text

FORCE = ("--force", "-f")


@command("/model", "switch to a model; without a name, pick one", argument="[NAME]", aliases=("/load",))
async def model(host: Host, rest: str) -> None:
    ready = [*host.models.installed(), *host.models.on_servers()]
    name = rest or await host.choose("Switch to which model?", _rows(host, ready))
    if name:
        await _switch_to(host, await _named(host, name))


@command("/models", "open the model manager: switch, download, delete")
async def models(host: Host, rest: str) -> None:
    chosen = await host.manage()
    if chosen and chosen.unconnected:
        await connect(host, chosen.server)
    elif chosen and host.models.ready(chosen):
        await _switch_to(host, chosen)
    elif chosen:
        await host.download(chosen, switch=True)


@command(
    "/pull",
    "download a model; without a name, pick one",
    argument="[NAME[:QUANT]] [--force]",
    aliases=("/download",),
)
async def pull(host: Host, rest: str) -> None:
    words = rest.split()
    name = " ".join(word for word in words if word not in FORCE)
    if not name:
        await models(host, "")
        return
    model = await _named(host, name)
    if model.server:
        raise ModelError(f"{model.id} is on a server; there is nothing to download")
    if host.models.ready(model):
        host.say(f"{model.id} is already on this machine; /model {model.id} switches to it")
        return
    _reject_unavailable(model)
    network.check(f"downloading {model.id}")
    await host.download(model, switch=False, force=any(word in FORCE for word in words))


@command("/connect", "use the models of a server", argument="[URL]")
async def connect(host: Host, rest: str) -> None:
    from lechat_tui.engine.remote import discovery
    from lechat_tui.engine.remote.server import base_url

    if not rest:
        found = await discovery.discover()
        if not found:
            host.say("no server found on this machine; /connect URL connects any other")
            return
        rest = await host.choose("Which server?", [Choice(one.url, one.url, "on this machine") for one in found]) or ""
        if not rest:
            return
    server = Server(base_url(rest))
    if refusal := servers.refused(server):
        raise ModelError(refusal)
    if not servers.is_allowed(server) and not await host.confirm(servers.question(server)):
        return
    servers.allow(server)
    title, rows, models = await servers.add(server)
    host.models.add(rows)
    choices = [Choice(row.id, row.id, servers.facts(model)) for row, model in zip(rows, models, strict=True)]
    chosen = await host.choose(f"{title} at {server.label}", choices)
    if chosen:
        await _switch_to(host, host.models.chat_model(chosen))


@command("/text", "switch to the text model", argument="[QUESTION]", takes_lines=True)
async def text(host: Host, rest: str) -> None:
    await _switch_role(host, "text", rest)


@command("/code", "switch to the code model", argument="[QUESTION]", takes_lines=True)
async def code(host: Host, rest: str) -> None:
    await _switch_role(host, "code", rest)


@command("/vision", "switch to the model for images", argument="[QUESTION]", takes_lines=True)
async def vision(host: Host, rest: str) -> None:
    await _switch_role(host, "vision", rest)


async def _switch_role(host: Host, role: ModelRole, question: str) -> None:
    model = host.models.for_role(role)
    if not await may_ask(host, model):
        return
    host.switch(model, role)
    _say_switched(host)
    if question:
        host.ask(question)


async def _named(host: Host, name: str) -> Model:
    """The model with this name; an unknown USER/REPO is looked up on the Hugging Face hub."""
    from lechat_tui.models import repository

    return await asyncio.to_thread(repository.find, name, host.models)


async def _switch_to(host: Host, model: Model) -> None:
    """Switch to a model, after a confirmed download if it is not on this machine."""
    if host.models.ready(model):
        if await may_ask(host, model):
            host.switch(model, model.role)
            _say_switched(host)
        return
    _reject_unavailable(model)
    if not model.repo:
        raise ModelError(model.missing)
    network.check(f"downloading {model.id}")
    size = f" ({size_text(model.bytes)})" if model.bytes else ""
    question = f"{model.id} is not downloaded. Download it{size} and switch to it when done?"
    too_large = await asyncio.to_thread(host.models.misfit, model)  # then the download asks
    if too_large or await host.confirm(question):
        await host.download(model, switch=True)


def _reject_unavailable(model: Model) -> None:
    if model.unavailable:
        raise ModelError(model.unavailable)


def _say_switched(host: Host) -> None:
    conversation = host.conversation
    text = f"now using {conversation.model.id}"
    if any(message.images for message in conversation.messages) and not conversation.model.supports_images:
        text += "; it does not support images, so it gets each image's earlier description instead"
    host.say(text)


def _rows(host: Host, models: list[Model]) -> list[Choice]:
    return [Choice(model.id, model.id, _detail(host, model)) for model in models]


def _detail(host: Host, model: Model) -> str:
    if host.models.ready(model):
        where = f"on {servers.server_of(model).label}" if model.server else "on this machine"
        where = "in use" if model.id == host.conversation.model.id else where
    else:
        where = f"not downloaded, {size_text(model.bytes)}" if model.bytes else "not downloaded"
    images = ", images" if model.supports_images else ""
    return f"{model.context:,} tokens{images} · {where}" if model.server else f"{model.name} · {where}"
