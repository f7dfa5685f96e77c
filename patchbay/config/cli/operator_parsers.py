"""What the operator's commands take: `provider`, `model`, `price`, `job`. Needs nothing but argparse."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, Protocol

_OPERATOR = "Whoever runs this machine is the operator: loopback addresses are allowed without a flag."
LARGEST = 2**31 - 1


class Commands(Protocol):
    """What `add_subparsers` returns."""

    def add_parser(self, name: str, **how: Any) -> argparse.ArgumentParser: ...


class _Group:
    """A command with actions of its own; `common` are the flags that each of them takes."""

    def __init__(
        self, commands: Commands, common: argparse.ArgumentParser, name: str, does: str, examples: Sequence[str]
    ) -> None:
        parser = _add(commands, [], name, does, examples)
        self.actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self.common = common

    def add(self, name: str, does: str, *examples: str) -> argparse.ArgumentParser:
        return _add(self.actions, [self.common], name, does, examples)


def add_operator_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the commands to those of `patchbay`."""
    scoped = argparse.ArgumentParser(add_help=False, parents=[common])
    scoped.add_argument(
        "--organisation", metavar="SLUG_OR_ID", help="that organisation's own, instead of the platform's for everyone"
    )
    _add_provider(commands, scoped)
    _add_model(commands, scoped)
    _add_price(commands, common)
    _add_job(commands, common)
    does = "encrypt providers' keys and kept bodies with a new key"
    rotate = _add(commands, [common], "rotate-encryption", does, ["patchbay rotate-encryption --json"])
    rotate.add_argument("--json", action="store_true", help="print one JSON object for scripts")


def _add_provider(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = _Group(
        commands,
        common,
        "provider",
        "set up the servers that models come from",
        (
            "patchbay provider add openai --kind openai --api-key-stdin",
            "patchbay provider add local --kind openai --base-url http://127.0.0.1:11434/v1",
            "patchbay provider test openai",
            "patchbay provider key add openai",
        ),
    )
    add = group.add(
        "add",
        "add a provider, or change the one of this name",
        "patchbay provider add claude --kind anthropic --api-key-stdin --rpm 1000",
        "patchbay provider add local --kind openai --base-url http://127.0.0.1:11434/v1 --max-concurrent 4",
    )
    add.epilog = f"{add.epilog}\n\n{_OPERATOR}\nA key is read from standard input: `printenv KEY | patchbay provider …`"
    add.add_argument("name", metavar="NAME")
    add.add_argument("--kind", required=True, choices=("openai", "anthropic", "offline"), help="the format it speaks")
    add.add_argument("--base-url", metavar="URL", help="as its SDK takes it; OpenAI's ends in /v1 (the vendor's own)")
    add.add_argument("--api-key-stdin", action="store_true", help="read its API key from standard input")
    add.add_argument("--max-concurrent", type=_number(1), metavar="N", help="requests under way at once, at most")
    add.add_argument("--rpm", type=_number(1), metavar="N", help="requests a minute, at most")
    add.add_argument("--queue-length", type=_number(0), metavar="N", help="requests that wait at a limit (100)")
    add.add_argument("--queue-seconds", type=_number(0), metavar="N", help="how long they wait, at most (10)")
    add.add_argument("--allow-private", action="store_true", help="let the address be a private one, or http://")

    shown = group.add("list", "list providers, with how their keys end", "patchbay provider list --json")
    shown.add_argument("--json", action="store_true", help="print a JSON list for scripts")
    remove = group.add("remove", "remove a provider and its keys", "patchbay provider remove openai")
    remove.add_argument("name", metavar="NAME")
    test = group.add("test", "ask a provider for its models and say what is wrong", "patchbay provider test openai")
    test.add_argument("name", metavar="NAME")
    test.add_argument("--json", action="store_true", help="print one JSON object for scripts")
    for action, does in (("on", "switch a provider on"), ("off", "switch a provider off: its targets are passed over")):
        group.add(action, does, f"patchbay provider {action} openai").add_argument("name", metavar="NAME")
    _add_keys(group)


def _add_keys(group: _Group) -> None:
    does, example = "add and remove a provider's keys", "patchbay provider key add openai --weight 2"
    key = _add(group.actions, [], "key", does, [example])
    actions = key.add_subparsers(dest="key_action", required=True, metavar="ACTION")
    common = [group.common]
    example = "patchbay provider key add openai --weight 2"
    add = _add(actions, common, "add", "add the key on standard input to the pool", [example])
    add.add_argument("name", metavar="NAME")
    add.add_argument("--weight", type=_number(1), default=1, metavar="W", help="its share of the requests (1)")
    remove = _add(actions, common, "remove", "remove a key", ["patchbay provider key remove openai x7Qf"])
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("key", metavar="KEY", help="its id, or how it ends, as `provider list` shows them")


def _add_model(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = _Group(
        commands,
        common,
        "model",
        "set up the model names that clients use, and where they lead",
        (
            "patchbay model add gpt-4o --target openai/gpt-4o",
            "patchbay model add gpt-4o --target azure/gpt-4o --order 1",
            "patchbay model list --json",
        ),
    )
    add = group.add(
        "add",
        "add a target to a model, which is made when it is missing; the same target again changes it",
        "patchbay model add fast --target groq/llama-3.3-70b --weight 3",
        "patchbay model add fast --target openai/gpt-4o-mini --order 1 --max-prompt-tokens 100000",
    )
    add.add_argument("alias", metavar="ALIAS", help="the name that clients send as `model`")
    add.add_argument("--target", required=True, metavar="PROVIDER/MODEL", help="a provider, and its name of the model")
    add.add_argument("--order", type=_number(0), default=0, metavar="N", help="lower is tried first (0)")
    add.add_argument("--weight", type=_number(1), default=1, metavar="W", help="its share among equals in order (1)")
    add.add_argument("--max-prompt-tokens", type=_number(1), metavar="N", help="larger prompts go elsewhere")
    add.add_argument("--context-tokens", type=_number(1), metavar="N", help="what the model reads at most (200000)")
    add.add_argument("--max-output-tokens", type=_number(1), metavar="N", help="what the model writes at most")
    add.add_argument("--no-tools", action="store_true", help="requests with tools go elsewhere")
    add.add_argument("--balancing", choices=("weighted", "least_busy"), help="among equals in order (weighted)")
    add.add_argument("--cache-seconds", type=_number(0), metavar="N", help="keep answers for every request (0: no)")

    shown = group.add("list", "list models and where they lead", "patchbay model list --organisation acme")
    shown.add_argument("--json", action="store_true", help="print a JSON list for scripts")
    remove = group.add(
        "remove",
        "remove a model, or one of its targets",
        "patchbay model remove fast",
        "patchbay model remove fast --target groq/llama-3.3-70b",
    )
    remove.add_argument("alias", metavar="ALIAS")
    remove.add_argument(
        "--target", metavar="PROVIDER/MODEL", help="this one alone; with its last target the model goes"
    )


def _add_job(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = _Group(
        commands,
        common,
        "job",
        "see background jobs that failed for good, and run them again",
        ("patchbay job list", "patchbay job retry --all"),
    )
    shown = group.add("list", "list the jobs that failed for good, newest first", "patchbay job list --json")
    shown.add_argument("--name", metavar="JOB", help="of this kind alone, such as plugs.index_document")
    shown.add_argument("--json", action="store_true", help="print a JSON list for scripts")
    retry = group.add(
        "retry",
        "run jobs again that failed for good, with all their attempts",
        "patchbay job retry 01990b6e-6c2c-7b7e-9c55-0d7a2f1f9a10",
        "patchbay job retry --all",
    )
    retry.add_argument("id", metavar="ID", nargs="*", help="as `job list` shows them")
    retry.add_argument("--all", action="store_true", help="every one that failed for good")


def _add_price(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = _Group(
        commands,
        common,
        "price",
        "set what models cost, in credits",
        ("patchbay price set gpt-4o prompt_tokens 1.25 --per 1000", "patchbay price list --json"),
    )
    put = group.add(
        "set",
        "set the price of one item of one model, from now on",
        "patchbay price set gpt-4o completion_tokens 5 --per 1000",
    )
    put.add_argument("model", metavar="MODEL", help="an alias, `byok` for own providers, or `default` for all others")
    put.add_argument("item", metavar="ITEM", help="prompt_tokens, completion_tokens, … as `price list` shows them")
    put.add_argument("credits", metavar="CREDITS", help="up to six decimal places")
    put.add_argument("--per", type=_number(1), default=1000, metavar="UNITS", help="for so many units (1000)")
    unset = group.add(
        "unset", "let the price for all models hold for one again", "patchbay price unset gpt-4o prompt_tokens"
    )
    unset.add_argument("model", metavar="MODEL")
    unset.add_argument("item", metavar="ITEM", nargs="?", help="one item; all of them when left out")
    vendor = group.add(
        "vendor",
        "sell a model at its provider's own price times a margin, by the catalogue that comes with Patchbay",
        "patchbay price vendor fast --vendor-model gpt-4o-mini --vendor openai --margin 120",
    )
    vendor.add_argument("model", metavar="MODEL", help="an alias")
    vendor.add_argument("--vendor-model", metavar="NAME", help="the provider's name of it (MODEL)")
    vendor.add_argument("--vendor", metavar="NAME", help="openai, anthropic, groq, … where several have the model")
    vendor.add_argument("--margin", type=_number(1), default=100, metavar="PERCENT", help="120 adds a fifth (100)")
    shown = group.add("list", "list what models cost now", "patchbay price list --json")
    shown.add_argument("--json", action="store_true", help="print a JSON list for scripts")


def _add(
    commands: Commands, parents: list[argparse.ArgumentParser], name: str, does: str, examples: Sequence[str]
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        parents=parents,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _number(low: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= LARGEST):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {LARGEST:,}")
        return int(text)

    return parse
