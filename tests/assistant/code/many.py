"""The child that runs code, for many pieces of it, one after the other: `python -m tests.assistant.code.many`. What is
made of the table comes as JSON, one text for each."""

import json
from types import CodeType
from typing import Any

from flowml.assistant.code import running
from flowml.assistant.code.running import NAME, Program, checked_program


def main() -> None:
    running.main(_program)


def _program(source: str) -> Program:
    import polars as pl

    programs = [checked_program(code) for code in json.loads(source)]

    def made(df: Any) -> Any:
        return pl.DataFrame({"said": [_result(program, df) for program in programs]})

    content: CodeType = compile("df = made(df)", NAME, "exec")
    return Program(content, {"made": made}, "df")


def _result(program: Program, df: Any) -> str:
    names = {**program.names, "df": df.clone()}
    try:
        exec(program.content, names)
        found = names[program.result_name]
        return json.dumps({column.name: column.to_list() for column in found.get_columns()}, default=str)
    except Exception as error:
        return json.dumps({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
