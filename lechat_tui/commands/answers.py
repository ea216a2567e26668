"""Commands that get another answer: regenerate, continue, compare."""

from dataclasses import replace

from lechat_tui.commands.base import Choice, Host, command, key_of
from lechat_tui.commands.checks import index_of, may_ask
from lechat_tui.talk.conversation import Replay, replay_of

MAX_SEED = 2**32 - 2
"""2^32 - 1 is how llama.cpp writes that there is no seed."""


@command(
    "/regen",
    "answer the last question again, or message N; with another model, another seed, or exactly as before",
    argument="[N] [MODEL|same|seed SEED]",
    aliases=("/retry",),
)
async def regen(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    first, _, after = rest.partition(" ")
    numbered = first.isdecimal()
    if not any(message.role == "user" for message in messages):
        host.say("there is no question to answer again yet")
        return
    index = index_of(host, first) if numbered else len(messages) - 1
    if index is None:
        return
    if all(message.role != "user" for message in messages[: index + 1]):
        host.say(f"there is no question before message {first}", error=True)
    else:
        if numbered and any(message.role == "user" for message in messages[index + 1 :]):
            before = key_of(host.bindings(), "branch_before")
            host.say(f"what followed message {first} stays on another branch; {before} or /branch shows it")
        await _regenerate(host, messages[index].id if numbered else 0, after.strip() if numbered else rest)


async def _regenerate(host: Host, message: int, how: str) -> None:
    word, _, value = how.partition(" ")
    if not how:
        host.regenerate(message=message)
    elif how == "same" and not message:
        _reproduce(host)
    elif word == "seed" and _is_seed(value):
        host.regenerate(Replay(replace(host.conversation.setup.sampling(), seed=int(value))), message=message)
    elif word in ("same", "seed"):
        host.say("/regen same reproduces the last answer, /regen seed 42 uses that seed", error=True)
    elif await may_ask(host, model := host.models.require(how)):
        host.regenerate(message=message, model=model)


def _is_seed(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(MAX_SEED)) and int(text) <= MAX_SEED


def _reproduce(host: Host) -> None:
    """Regenerate the last answer so that it comes out the same, if that is possible."""
    conversation = host.conversation
    receipt = next((m.receipt for m in reversed(conversation.messages) if m.role == "assistant"), None)
    if receipt is None:
        host.say("there is no answer to reproduce yet; /regen makes one")
    elif receipt.pieces > 1:
        host.say("that answer was continued, so it can't be reproduced; /regen makes another one", error=True)
    elif receipt.model != conversation.model.id:
        host.say(f"that answer is from {receipt.model}; switch to it first with /model {receipt.model}", error=True)
    elif receipt.adapters != conversation.spec().applied:
        adapters = " and ".join(map(str, receipt.adapters)) or "no adapter"
        host.say(f"that answer was made with {adapters}; restore that first with /set lora", error=True)
    else:
        if receipt.server:
            host.say(f"{receipt.server} is asked with the same seed, which need not give the same answer on a server")
        host.regenerate(replay_of(receipt))


@command("/continue", "continue an answer that was cut short, from its last token")
async def continue_(host: Host, rest: str) -> None:
    conversation = host.conversation
    if conversation.busy:
        host.continue_answer()
        return
    if conversation.messages and conversation.messages[-1].state == "draft":
        conversation.reload()
    last = conversation.messages[-1] if conversation.messages else None
    if last is None or last.role != "assistant":
        host.say("there is no answer to continue; /regen answers the last question")
    elif last.state == "draft":
        host.say("another program was writing this answer a moment ago; try again in a few seconds")
    elif conversation.unfinished is None:
        host.say("the last answer is complete; ask for more in a new question")
    else:
        host.continue_answer()


@command("/compare", "compare the answers of two models side by side", argument="[MODEL] [QUESTION]", takes_lines=True)
async def compare(host: Host, rest: str) -> None:
    name, question = [*rest.split(maxsplit=1), "", ""][:2]
    if not question and not any(message.role == "user" for message in host.conversation.messages):
        host.say("there is no question to compare answers to yet; /compare MODEL QUESTION asks one")
        return
    own = host.conversation.model
    others = [model for model in (*host.models.installed(), *host.models.on_servers()) if model.id != own.id]
    rows = [Choice(model.id, model.id, model.name) for model in others]
    chosen = name or (await host.choose(f"Compare {own.id} with which model?", rows) if rows else None)
    if chosen and await may_ask(host, model := host.models.require(chosen)):
        host.compare(model, question)
    elif not chosen and not rows:
        host.say("there is no other model on this machine; /pull downloads one")
