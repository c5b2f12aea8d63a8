"""The child process for tasks on tables that take the engine: `python -m flowml.services.engine_tasks`. It works as the
one of `data.tasks` does."""

from flowml.data.tasks import Task, answer_and_end

TASKS = {
    "check": Task("flowml.services.checking:check"),
    "check_idea": Task("flowml.services.assistant.trying_task:check_idea"),
    "try_idea": Task("flowml.services.assistant.trying_task:try_idea", writes=("progress", "so_far"), niceness=5),
    "own_ideas": Task("flowml.services.assistant.trying_task:own_ideas"),
    "export_model": Task("flowml.automl.export.exporting:export_task", reads=("model",), writes=("target",)),
}


def main() -> None:
    """Do one of these."""
    answer_and_end(TASKS)


if __name__ == "__main__":
    main()
