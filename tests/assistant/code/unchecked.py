"""The child that runs code, without its checker: what remains is what the process was left with. `python -m
tests.assistant.code.unchecked`; the code is attempts as JSON."""

import builtins
import json
import signal
from types import CodeType
from typing import Any

from flowml.assistant.code import running
from flowml.assistant.code.running import NAME, Program

_SECONDS = 3
_LONGEST = 2000


def main() -> None:
    running.main(_program)


def _program(source: str) -> Program:
    import polars as pl
    import polars.selectors as cs

    request = json.loads(source)
    attempts = request["attempts"]

    def tried(attempt: str, df: Any) -> str:
        names = {"__builtins__": builtins, "pl": pl, "cs": cs, "df": df.clone(), "leak": None}

        def late(*_: object) -> None:
            raise TimeoutError("it takes too long")

        signal.signal(signal.SIGALRM, late)
        signal.alarm(_SECONDS)
        try:
            exec(attempt, names)
            return f"found {names['leak']!r}"[:_LONGEST]
        except BaseException as error:
            return f"{type(error).__name__}: {error}"[:_LONGEST]
        finally:
            signal.alarm(0)

    content: CodeType = compile("df = taken(attempts, df)", NAME, "exec")
    if request["alone"]:
        content = compile(attempts[0], NAME, "exec")

    def taken(attempts: list[str], df: Any) -> Any:
        return pl.DataFrame({"said": [tried(attempt, df) for attempt in attempts]})

    names = {"__builtins__": builtins, "pl": pl, "cs": cs, "taken": taken, "attempts": attempts}
    return Program(content, names, "df")


if __name__ == "__main__":
    main()
