"""Every command and option.

Exit codes: 0 done, 1 failed (one line on stderr), 2 wrong usage, 130 interrupted.
"""

import argparse
import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from flowml import __version__
from flowml.automl.export.exporting import KINDS
from flowml.domain.access.caller import TokenKind
from flowml.domain.errors import FlowMLError
from flowml.domain.faults import fault_of
from flowml.domain.jobs import ProblemTypeChoice
from flowml.machine.facts import thread_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(options, "command", None)
    if command is None:
        parser.print_help()
        return 2
    # Before a numeric library is imported.
    os.environ.update(thread_settings())
    try:
        return command(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except FlowMLError as error:
        if options.debug:
            traceback.print_exc()
        print(f"flowml: {' '.join(filter(None, (error.detail, error.hint)))}", file=sys.stderr)
        return 1
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        fault = fault_of(error)
        words = f"{type(error).__name__}: {error}" if fault is None else fault.detail
        print(f"flowml: {words} (--debug shows more)", file=sys.stderr)
        return 1


def _command(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A command of a module in this folder, which is imported when it runs: none waits for what others need."""

    def run(options: argparse.Namespace) -> int:
        found: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(f"flowml.cli.{module}"), name)
        return found(options)

    return run


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(prog="flowml", description="From a table to a served model, on your own machines.")
    parser.add_argument("--version", action="version", version=f"flowml {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where an error came from")
    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument(
        "--option",
        dest="options",
        action="append",
        type=_reading_option,
        default=[],
        metavar="NAME=VALUE",
        help="how to read the file, where that was decided wrongly: delimiter=';', sheet=2024, header=false, …",
    )
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(title="commands", metavar="")

    serve_parser = commands.add_parser(
        "serve",
        parents=[common],
        help="the server: pages, API, training",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_settings_help(),
    )
    serve_parser.add_argument(
        "--host", help="address to listen on (127.0.0.1); any that others can reach takes an admin token"
    )
    serve_parser.add_argument(
        "--allowed-hosts",
        metavar="NAMES",
        help="further names to answer under: ml.example.com, or https://ml.example.com behind a proxy",
    )
    serve_parser.add_argument("--port", type=_whole_number(0, 65535), help="port to listen on (8000)")
    serve_parser.add_argument("--home", type=Path, help="folder for everything FlowML stores (~/.flowml)")
    serve_parser.add_argument(
        "--local-slots", type=_whole_number(0, 256), help="trials trained at once on this machine"
    )
    serve_parser.set_defaults(command=_command("serve", "serve"))

    worker_parser = commands.add_parser("worker", parents=[common], help="join a server and train its trials")
    worker_parser.add_argument("--server", metavar="URL", help="its address, such as http://host:8000")
    worker_parser.add_argument("--token", help="a worker token of that server (FLOWML_TOKEN)")
    worker_parser.add_argument("--name", help="what it is called there (this machine's name)")
    worker_parser.add_argument("--slots", type=_whole_number(1, 256), help="trials trained at once (from its cores)")
    worker_parser.add_argument("--queues", type=_names, metavar="cpu,gpu,…", help="only these of what it could offer")
    worker_parser.add_argument("--home", type=Path, help="folder for the tables that it has fetched (~/.flowml-worker)")
    worker_parser.add_argument(
        "--engine", choices=("dask", "ray"), help="train on this kind of cluster instead of on this machine"
    )
    worker_parser.add_argument(
        "--address", help="where the cluster is: tcp://HOST:8786 (Dask); HOST:6379 (Ray, or its own)"
    )
    worker_parser.add_argument("--probe", action="store_true", help="print what this machine has, as JSON, and end")
    worker_parser.add_argument(
        "--upgrade",
        action="store_true",
        help="fetch the server's own flowml.pyz, and go on as that: whoever owns the server runs code here then",
    )
    worker_parser.add_argument(
        "--insecure-upgrade",
        action="store_true",
        help="the same also by http:// through a network in which others could send this machine another program",
    )
    worker_parser.set_defaults(command=_command("worker", "worker"), wrong_usage=worker_parser.error)

    train_parser = commands.add_parser("train", parents=[common, reading], help="train on a file, without a server")
    train_parser.add_argument("file", type=Path)
    train_parser.add_argument("--target", required=True, help="the column to predict")
    train_parser.add_argument("--budget", type=_duration, default=60.0, help="time, such as 60s, 5m or 1h (60s)")
    train_parser.add_argument("--metric", default="auto", help="what to optimise (accuracy or r2)")
    train_parser.add_argument(
        "--problem-type", choices=get_args(ProblemTypeChoice), default="auto", help="a class or a number"
    )
    train_parser.add_argument(
        "--cv", default="auto", help="auto, stratified, together, group:COLUMN or time:COLUMN: what tests a model"
    )
    train_parser.add_argument("--weight", metavar="COLUMN", help="the column that says how much each row counts")
    train_parser.add_argument("--algorithms", type=_names, help="only these, separated by commas")
    train_parser.add_argument("--max-trials", type=_whole_number(1, 100_000), help="stop after so many trials")
    train_parser.add_argument(
        "--seed", type=_whole_number(0, 999_999_999), default=0, help="seed of everything random (0)"
    )
    train_parser.add_argument("--out", type=Path, help="write the best model here (FILE.flowml beside the table)")
    train_parser.add_argument(
        "--fast-out", type=Path, help="write its fast twin here: one small model, a little less good"
    )
    train_parser.add_argument(
        "--recipe",
        type=Path,
        metavar="STEPS.json",
        help="do these operations first: a JSON list such as a data set's recipe; the model then does them to new rows",
    )
    train_parser.add_argument("--json", action="store_true", help="print the result as JSON")
    train_parser.set_defaults(command=_command("train", "train"))

    predict_parser = commands.add_parser("predict", parents=[common, reading], help="score a file with a model file")
    predict_parser.add_argument("model", type=Path)
    predict_parser.add_argument("file", type=Path)
    predict_parser.add_argument(
        "-o", "--out", type=Path, help="csv, parquet or jsonl by its extension (standard output as csv)"
    )
    predict_parser.set_defaults(command=_command("files", "predict"))

    export_parser = commands.add_parser(
        "export", parents=[common], help="write a model file as a file for programs without FlowML"
    )
    export_parser.add_argument("model", type=Path)
    export_parser.add_argument(
        "--format", required=True, choices=tuple(KINDS), help="what to write; the file is compared with the model"
    )
    export_parser.add_argument("-o", "--out", type=Path, help="where (beside the model, by its name)")
    export_parser.set_defaults(command=_command("export", "export"))

    alone_parser = commands.add_parser(
        "serve-model", parents=[common], help="one model file as a server of its own, without a home folder"
    )
    alone_parser.add_argument("model", type=Path)
    alone_parser.add_argument(
        "--host", help="address to listen on (127.0.0.1); any that others can reach takes a secret"
    )
    alone_parser.add_argument("--allowed-hosts", metavar="NAMES", help="further names to answer under")
    alone_parser.add_argument("--port", type=_whole_number(0, 65535), help="port to listen on (8000)")
    alone_parser.add_argument(
        "--processes",
        type=_whole_number(1, 256),
        default=1,
        help="so many that answer on that port, for many cores (1)",
    )
    alone_parser.add_argument(
        "--grace",
        type=_whole_number(0, 3600),
        default=20,
        metavar="SECONDS",
        help="for requests that were begun, when it is told to end (20)",
    )
    alone_parser.add_argument("--name", help="what the model is called in addresses (its file's name)")
    alone_parser.add_argument(
        "--sha256", metavar="HASH", help="serve only the file with this SHA-256, which is known and not tried first"
    )
    alone_parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="callers have to bring what is in it (FLOWML_TOKEN)"
    )
    alone_parser.set_defaults(command=_command("serve_model", "serve_model"))

    inspect_parser = commands.add_parser("inspect", parents=[common, reading], help="read a file and say what is in it")
    inspect_parser.add_argument("file", type=Path)
    inspect_parser.add_argument("--json", action="store_true", help="for machines")
    inspect_parser.set_defaults(command=_command("files", "inspect"))

    doctor_parser = commands.add_parser(
        "doctor", parents=[common], help="what this machine can do, and what a home folder holds"
    )
    doctor_parser.add_argument("--home", type=Path, help="look at this home folder instead (~/.flowml)")
    doctor_parser.add_argument(
        "--adopt", action="store_true", help="take in files of the home folder that its database does not know"
    )
    doctor_parser.add_argument("--json", action="store_true", help="for machines")
    doctor_parser.set_defaults(command=_command("doctor", "doctor"))

    token_parser = commands.add_parser("token", help="credentials for a server: make, list and revoke them")
    _add_token_commands(token_parser, common)
    return parser


def _add_token_commands(token_parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    home = argparse.ArgumentParser(add_help=False, parents=[common])
    home.add_argument("--home", type=Path, help="the server's folder (~/.flowml); it may run meanwhile")
    home.add_argument("--json", action="store_true", help="for machines")
    commands = token_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    create_parser = commands.add_parser("create", parents=[home], help="make one; its secret is shown this once")
    create_parser.add_argument(
        "--kind",
        required=True,
        type=TokenKind,
        choices=tuple(TokenKind),
        metavar="{admin,api,worker}",
        help="admin: runs the server, and logs in a browser; api: asks for predictions; worker: trains for the server",
    )
    create_parser.add_argument("--name", required=True, help="what it is called here")
    create_parser.add_argument("--expires", type=_age, metavar="30d", help="end it after so many m, h or d (never)")
    create_parser.add_argument(
        "--model", metavar="MODEL_ID", help="the only model or training run that an api token may ask for predictions"
    )
    create_parser.add_argument(
        "--secret-file",
        type=Path,
        metavar="FILE",
        help="take the secret from this file, where one was drawn elsewhere: a container's; another of this name ends",
    )
    create_parser.set_defaults(command=_command("tokens", "create"), wrong_usage=create_parser.error)

    list_parser = commands.add_parser("list", parents=[home], help="those that there are, without their secrets")
    list_parser.set_defaults(command=_command("tokens", "show"))

    revoke_parser = commands.add_parser("revoke", parents=[home], help="end one, with all that was logged in by it")
    revoke_parser.add_argument("token", metavar="NAME_OR_ID", help="its name or its id, not its secret")
    revoke_parser.set_defaults(command=_command("tokens", "revoke"))


def _reading_option(text: str) -> tuple[str, Any]:
    """`header=false` as a name and a value: JSON where it is some, else a text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"“{text}” is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip().lower())
    seconds = float(match[1]) * {"s": 1, "": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"“{text}” is not a time between 1s and 1h, such as 60s or 5m")
    return seconds


def _age(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})\s*([mhd])", text.strip().lower())
    seconds = int(match[1]) * {"m": 60, "h": 3600, "d": 86_400}[match[2]] if match else 0
    if not 60 <= seconds <= 3650 * 86_400:
        raise argparse.ArgumentTypeError(f"“{text}” is not a time between 1m and 3650d, such as 12h or 30d")
    return float(seconds)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"“{text}” is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _settings_help() -> str:
    # Built by hand from the settings' own descriptions only when help is asked for.
    if not {"-h", "--help"} & set(sys.argv):
        return ""
    from flowml.services.settings import Settings

    lines = ["Every setting is also an environment variable:"]
    for name, field in Settings.model_fields.items():
        lines.append(f"  FLOWML_{name.upper():<28} {field.description}")
    return "\n".join(lines)
