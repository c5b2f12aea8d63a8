"""The child process that looks at what code has made, after the one that ran it (`running`) has ended: `python -m
flowml.assistant.code.tasks`."""

from flowml.data.tasks import Task, answer_and_end

TASKS = {
    "compare": Task("flowml.assistant.code.comparing:compare_tables", reads=("table", "result"), writes=("target",)),
    "describe": Task("flowml.assistant.code.comparing:describe_table", reads=("made",)),
}


def main() -> None:
    """Do one of these."""
    answer_and_end(TASKS)


if __name__ == "__main__":
    main()
