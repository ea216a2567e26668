"""The options and commands. Each command imports what it needs when it runs, so that `--help` is quick."""

import difflib
import os
import re
import stat
import sys
from collections.abc import Mapping
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NoReturn

import typer

from lechat_tui import __version__, network
from lechat_tui.cli import edge, foreign, printing
from lechat_tui.cli.chats import HELP, Json, chats
from lechat_tui.cli.library import library
from lechat_tui.cli.options import with_settings


class Overflow(StrEnum):
    """What to do with a question that is larger than the context window."""

    refuse = "refuse"
    head = "head"
    tail = "tail"
    middle = "middle"
    map = "map"
    passages = "passages"


class Shell(StrEnum):
    """A shell whose command line can be completed."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    words = "words"
    """No shell: what the scripts of the three ask for."""


class Output(StrEnum):
    """How an answer is printed."""

    text = "text"
    json = "json"
    stream_json = "stream-json"


EPILOG = """Without a prompt, lechat opens the full screen.

\b
Commands, each with its own --help:
  pull, show, ls, ps, rm, import  manage models
  fit, bench                      what this machine can run, and how fast
  connect                         use the models of a server
  chats                           list, search, export and delete chats
  library                         search your documents
  ocr                             turn scans into Markdown
  doctor, paths                   check the installation, find the files
  completion                      complete commands in your shell
"""

asking = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=HELP)
commands = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=HELP)
commands.add_typer(chats, name="chats")
commands.add_typer(library, name="library")

MAX_COUNT = 2**31 - 1
"""Of tokens and rounds."""

OFFLINE = typer.Option("--offline", help="Never use the network.")

CtxSize = Annotated[int | None, typer.Option(min=256, metavar="N", help="Context window in tokens.")]
GpuLayers = Annotated[int | None, typer.Option(min=-1, metavar="N", help="Layers on the GPU; -1 means all that fit.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads.")]
Loras = Annotated[list[str] | None, typer.Option(metavar="PATH[:SCALE]", help="LoRA adapter to apply; repeatable.")]


@commands.callback()
def before_command(offline: Annotated[bool, OFFLINE] = False) -> None:
    """Apply the options that may stand before a command."""
    if offline:
        network.forbid()


@asking.command(epilog=EPILOG)
@with_settings
def ask(
    prompt: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT", help="The question, or what to do with piped input.")
    ] = None,
    model: Annotated[
        str, typer.Option("-m", "--model", metavar="NAME", help="Model to use: a name or a path to a .gguf file.")
    ] = "",
    resume_last: Annotated[bool, typer.Option("-c", "-C", "--continue", help="Continue the most recent chat.")] = False,
    resume: Annotated[
        str, typer.Option(help="Continue a chat by ID; without one, the most recent.", metavar="[ID]")
    ] = "",
    system: Annotated[
        str | None, typer.Option("-s", "--system", metavar="TEXT", help="System prompt for a new chat.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="PATH", help="Attach a text file or an image; - is stdin."),
    ] = None,
    attach: Annotated[
        list[str] | None, typer.Option("-a", "--attach", "--image", metavar="PATH", help="Same as --file.")
    ] = None,
    output: Annotated[Output, typer.Option(help="Output format.")] = Output.text,
    json: Annotated[bool, typer.Option("--json", help="Same as --output json.")] = False,
    no_save: Annotated[bool, typer.Option("-n", "--no-save", help="Do not save this chat.")] = False,
    no_stdin: Annotated[
        bool, typer.Option("--no-stdin", help="Do not read stdin, as in a shell loop that reads it.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print no hints or progress on stderr.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Print token counts and speed on stderr.")] = False,
    settings: Mapping[str, object] = MappingProxyType({}),
    lora: Loras = None,
    overflow: Annotated[
        Overflow,
        typer.Option(
            help="If the input does not fit into the context window: refuse it, keep its head or tail, cut out its "
            "middle, ask about each part and combine the answers (map), or send the parts of documents that match the "
            "question (passages)."
        ),
    ] = Overflow.refuse,
    offline: Annotated[bool, OFFLINE] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Chat in the terminal's scrollback instead of the full screen.")
    ] = False,
    reduced: Annotated[
        bool, typer.Option("--reduced", help="Plain ASCII without frames or animation, for screen readers.")
    ] = False,
    version: Annotated[bool, typer.Option("-V", "--version", help="Print the version and exit.")] = False,
) -> None:
    """A private chat assistant for the terminal: Mistral-family models on your own machine."""
    if version:
        printing.show(f"lechat {__version__}")
        return
    from lechat_tui.cli import asking as answering

    answering.run(
        prompt=prompt,
        model=model,
        resume_last=resume_last,
        resume=resume,
        system=system,
        files=[*(file or []), *(attach or [])],
        output=output.value,
        json=json,
        no_save=no_save,
        no_stdin=no_stdin,
        quiet=quiet,
        stats=stats,
        settings=settings,
        lora=lora,
        reduced=reduced,
        overflow=overflow.value,
        offline=offline,
        inline=inline,
    )


@commands.command("pull", help="Download a model. An interrupted download resumes.")
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from lechat ls, or USER/REPO[:QUANT].")],
    json: Annotated[bool, typer.Option("--json", help="Print progress as JSON, one object per line.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print no progress on stderr.")] = False,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept a license that forbids commercial use.")
    ] = False,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", hidden=True)] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Download a model that does not fit into this machine's memory.")
    ] = False,
    offline: Annotated[bool, OFFLINE] = False,
) -> None:
    if offline:
        network.forbid()
    from lechat_tui.cli import pull

    accepted = accept_license or accept_licence
    pull.run(name, as_json=json, quiet=quiet, accept_license=accepted, force=force)


commands.command("get", hidden=True, help="Same as pull.")(pull)


@commands.command("ls", help="List the models on this machine and those available for download.")
def ls(
    everything: Annotated[bool, typer.Option("-a", "--all", help="Include superseded models.")] = False,
    json: Json = False,
) -> None:
    from lechat_tui.cli import weights

    weights.list_json() if json else weights.list_table(everything=everything)


commands.command("list", hidden=True, help="Same as ls.")(ls)


@commands.command("show", help="Show the details of a model on this machine or on the Hugging Face hub.")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name, USER/REPO[:QUANT], a hub URL, or a path.")],
    json: Json = False,
) -> None:
    from lechat_tui.cli import weights

    weights.show(name, as_json=json)


@commands.command("ps", help="List the models in memory.")
def ps(json: Json = False) -> None:
    from lechat_tui.cli import running

    running.run(as_json=json)


@commands.command("rm", help="Delete a model's files from this machine.")
def rm(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from lechat ls.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.")] = False,
    foreign: Annotated[bool, typer.Option("--foreign", help="Also delete files owned by other programs.")] = False,
) -> None:
    from lechat_tui.cli import weights

    weights.remove(name, agreed=yes, foreign=foreign)


@commands.command("import", help="Add a GGUF file, or all GGUF files in a folder, to the list of models.")
def bring(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file or folder; it stays where it is.")],
    copy: Annotated[bool, typer.Option("--copy", help="Copy the file to lechat's data folder.")] = False,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name for the model.")] = "",
) -> None:
    from lechat_tui.cli import weights

    weights.bring(path, copy=copy, name=name)


@commands.command("fit", help="Show which models fit this machine, or a machine described with options.")
def fit(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model or a path to a .gguf file; default: all models.")
    ] = "",
    vram: Annotated[list[str] | None, typer.Option(metavar="SIZE", help="Memory of a GPU, such as 24G.")] = None,
    ram: Annotated[str, typer.Option(metavar="SIZE", help="Main memory.")] = "",
    unified: Annotated[str, typer.Option(metavar="SIZE", help="Memory shared by CPU and GPU, as on a Mac.")] = "",
    disk: Annotated[str, typer.Option(metavar="SIZE", help="Free disk space.")] = "",
    context: Annotated[
        int | None, typer.Option(min=256, max=2**24, metavar="N", help="Context window in tokens.")
    ] = None,
    on: Annotated[
        str, typer.Option(metavar="SERVER", help="Show the models of a server instead; its name or URL.")
    ] = "",
    json: Json = False,
    offline: Annotated[bool, OFFLINE] = False,
) -> None:
    if offline:
        network.forbid()
    if on:
        if vram or ram or unified or disk or context:
            raise typer.BadParameter("--on can't be combined with the options that describe a machine")
        from lechat_tui.cli import fit_on

        fit_on.run(on, name, as_json=json)
        return
    from lechat_tui.cli import fit

    fit.run(name, fit.MachineFlags(vram or (), ram, unified, disk), context=context, as_json=json)


@commands.command("connect", help="Use the models of a server. Without a URL, look for servers on this machine.")
def connect(
    url: Annotated[str, typer.Argument(metavar="URL", help="Such as http://localhost:8080.")] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name for the server, the prefix of its models.")] = "",
    key_env: Annotated[str, typer.Option(metavar="VARIABLE", help="Environment variable with the API key.")] = "",
    key_file: Annotated[str, typer.Option(metavar="PATH", help="File with the API key.")] = "",
    cacert: Annotated[str, typer.Option(metavar="PATH", help="PEM file with the CA of the server's certificate.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to send chats with its models there.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the connected servers.")] = False,
    remove: Annotated[str, typer.Option(metavar="NAME", help="Remove a server.")] = "",
    offline: Annotated[bool, OFFLINE] = False,
) -> None:
    if offline:
        network.forbid()
    from lechat_tui.cli import connect

    if listed:
        connect.list_servers()
    elif remove:
        connect.remove(remove)
    elif url:
        connect.run(url, name=name, key_env=key_env, key_file=key_file, cacert=cacert, agreed=yes)
    else:
        connect.run_without_url(agreed=yes)


@commands.command("ocr", help="Turn a scanned PDF or an image into Markdown with a model that supports images.")
def ocr(
    file: Annotated[Path, typer.Argument(help="A PDF, or an image; a TIFF may have several pages.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.md", help="Write the Markdown there, not to stdout.")
    ] = None,
    pages: Annotated[str, typer.Option(metavar="A-B", help="Read these pages, as in 3-9, 2, 10- or 1,4-6.")] = "",
    model: Annotated[str, typer.Option("-m", "--model", metavar="NAME", help="Model that supports images.")] = "",
    ctx_size: CtxSize = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print no hints or progress on stderr.")] = False,
    offline: Annotated[bool, OFFLINE] = False,
) -> None:
    if offline:
        network.forbid()
    from lechat_tui.cli import ocr

    raise typer.Exit(ocr.run(file, out=output, pages=pages, model=model, context=ctx_size, as_json=json, quiet=quiet))


@commands.command("doctor", help="Check the installation and run a self-test.")
def doctor(json: Json = False) -> None:
    from lechat_tui.cli import doctor

    raise typer.Exit(doctor.run(as_json=json))


@commands.command("bench", help="Measure the speed of a model on this machine.")
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from lechat ls, or a path to a .gguf file.")] = "",
    ctx_size: CtxSize = None,
    prompt_tokens: Annotated[
        int, typer.Option(min=32, max=MAX_COUNT, metavar="N", help="Length of the prompt in tokens.")
    ] = 512,
    tokens: Annotated[
        int, typer.Option(min=2, max=MAX_COUNT, metavar="N", help="Length of the answer in tokens.")
    ] = 128,
    rounds: Annotated[int, typer.Option(min=1, max=MAX_COUNT, metavar="N", help="Number of measurements.")] = 3,
    n_gpu_layers: GpuLayers = None,
    threads: Threads = None,
    lora: Loras = None,
    json: Json = False,
) -> None:
    from lechat_tui.cli import bench, compose

    settings = compose.given(context=ctx_size, gpu_layers=n_gpu_layers, threads=threads, lora=lora)
    overrides = compose.Overrides(model=name, private=True, settings=settings)
    bench.run(overrides, prompt_tokens=prompt_tokens, tokens=tokens, rounds=rounds, as_json=json)


@commands.command("completion", help="Print a completion script for bash, zsh or fish.")
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    from lechat_tui.cli import completion

    if shell is Shell.words:
        completion.print_candidates(words or [], asking, commands)
    else:
        printing.show(completion.SCRIPTS[shell.value], end="")


@commands.command("paths", help="Show where lechat keeps its files.")
def paths() -> None:
    from lechat_tui import paths

    for name, path in (
        ("config", paths.config()),
        ("history", paths.data()),
        ("logs", paths.logs()),
        ("weights", paths.hub_cache()),
    ):
        printing.content(f"{name:<8} {path}\n")


_NOISE = re.compile(r"Value error, |, unable to parse string as an? \w+")
"""What Pydantic adds to a message that says nothing to a user."""


def main() -> NoReturn:
    """Run the command line and exit; a failure is one line on stderr."""
    edge.leave(_run)


def _run() -> object:
    try:
        return _chosen(sys.argv[1:])
    except typer.TyperException as error:
        return edge.complain(edge.Failure(_usage(error), edge.USAGE))
    except foreign.Unsupported as error:
        return edge.complain(edge.Failure(str(error), edge.USAGE))
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        return edge.INTERRUPTED


def _usage(error: typer.TyperException) -> str:
    """The sentence for a wrong command line."""
    context = getattr(error, "ctx", None)
    unknown: str = getattr(error, "option_name", "")
    if unknown and hasattr(error, "possibilities"):
        known = [name for parameter in context.command.params for name in parameter.opts] if context else []
        meant = difflib.get_close_matches(unknown, known, 1, cutoff=0.8)
        message = f"there is no option {unknown}" + (f"; did you mean {meant[0]}?" if meant else "")
        if meant:
            return message
    else:
        message = _NOISE.sub("", error.format_message()).replace("Input should be", "it must be").rstrip(".")
        message = message[:1].lower() + message[1:].replace(". Did you", "; did you")
    return f"{message}; {context.command_path if context else 'lechat'} --help shows the usage"


def _chosen(arguments: list[str]) -> object:
    """Run the command that the first word names, `--offline` aside; any other arguments are a prompt."""
    names = {*(row.name for row in commands.registered_commands), *(row.name for row in commands.registered_groups)}
    arguments = foreign.translate(arguments, sorted(filter(None, names)), piped=_piped())
    first = next((word for word in arguments if word != "--offline"), "")
    if first in names:
        return commands(arguments, prog_name="lechat", standalone_mode=False)
    return asking(_with_last_chat(arguments), prog_name="lechat", standalone_mode=False)


def _piped() -> bool:
    """Whether stdin is a pipe or a file, and so part of the question."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _with_last_chat(arguments: list[str]) -> list[str]:
    """The arguments with `--resume` made `--resume=last` where no ID follows."""
    pairs = zip_longest(arguments, arguments[1:], fillvalue="")
    return [f"{word}=last" if word == "--resume" and not after.isdigit() else word for word, after in pairs]
