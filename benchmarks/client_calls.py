"""Ask FlowML with the clients of others: python benchmarks/client_calls.py CLASSES NUMBERS MODEL FOLDER

FOLDER has table.csv (age, city, member, bought, spent); the servers at CLASSES and NUMBERS have one model each, of
`bought` and of `spent`; at MODEL a whole server answers for one of `bought`
(http://…/models/ID). Prints one line of JSON a check: {"check", "ok", "detail"}. Stands alone: its Python has mlflow
(or mlflow-skinny with fastapi, uvicorn, pandas and scikit-learn), pyarrow, tritonclient[http], openapi-spec-validator
and jsonschema, and not FlowML. Beside it MLflow's own server answers the same requests with a model of its own, to
compare the shapes of answers.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

FEATURES = ["age", "city", "member"]
ROWS = 3
_START_SECONDS = 120.0


def say(check: str, ok: bool, detail: Any = "") -> None:
    print(json.dumps({"check": check, "ok": bool(ok), "detail": str(detail)[:300]}), flush=True)


def attempt(check: str, work: Callable[[], Any]) -> Any:
    """Do it; whatever goes wrong is the check's failure."""
    try:
        found = work()
    except Exception as error:
        say(check, False, f"{type(error).__name__}: {error}")
        return None
    say(check, found is not False, found if found is not None else "")
    return found


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """`mlflow models serve` with a scikit-learn model of the same table."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = pd.read_csv(folder / "table.csv")
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), ("passthrough", ["age", "member"])
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(table[FEATURES], table["bought"])
    signature = infer_signature(table[FEATURES], model.predict(table[FEATURES]))
    # It is ours, written a moment ago.
    mlflow.sklearn.save_model(
        model, folder / "mlflow", signature=signature, serialization_format="cloudpickle", pip_requirements=[]
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bin_folder = str(Path(sys.executable).parent)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder / "mlflow")),
            *("--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"),
        ],
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "mlflow.log").open("w"),
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def wait_for(address: str) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, _, port = address.removeprefix("http://").partition(":")
    ScoringServerClient(host, port).wait_server_ready(timeout=_START_SECONDS)


def requests_of(table: Any) -> dict[str, tuple[dict[str, str], Any]]:
    """By what they are: the headers and the body of requests, good ones and wrong ones."""
    rows = json.loads(table[FEATURES].head(ROWS).to_json(orient="records"))
    split = json.loads(table[FEATURES].head(ROWS).to_json(orient="split"))
    columns = {name: [row[name] for row in rows] for name in FEATURES}
    as_json = {"Content-Type": "application/json"}
    bodies: dict[str, Any] = {
        "dataframe_split": {"dataframe_split": split},
        "dataframe_split with nothing but data and columns": {
            "dataframe_split": {name: split[name] for name in ("columns", "data")}
        },
        "dataframe_records": {"dataframe_records": rows},
        "instances by name": {"instances": rows},
        "inputs by column": {"inputs": columns},
        "inputs of one row": {"inputs": {name: values[:1] for name, values in columns.items()}},
        "params null": {"dataframe_records": rows, "params": None},
        "none of the four": {"rows": rows},
        "two of the four": {"instances": rows, "inputs": columns},
        "a list": rows,
        "split without data": {"dataframe_split": {"columns": FEATURES}},
        "records that are none": {"dataframe_records": {"age": 1}},
        "a text where a number belongs": {"dataframe_records": [{**rows[0], "age": "old"}]},
    }
    found: dict[str, tuple[dict[str, str], Any]] = {name: (as_json, json.dumps(body)) for name, body in bodies.items()}
    found["no JSON"] = (as_json, "{")
    found["with a charset"] = ({"Content-Type": "application/json; charset=utf-8"}, found["dataframe_records"][1])
    found["CSV"] = ({"Content-Type": "text/csv"}, table[FEATURES].head(ROWS).to_csv(index=False))
    found["Parquet"] = ({"Content-Type": "application/vnd.apache.parquet"}, table[FEATURES].head(ROWS).to_parquet())
    found["no Parquet"] = ({"Content-Type": "application/vnd.apache.parquet"}, b"PAR1 nothing of that kind PAR1")
    found["a type that nobody knows"] = ({"Content-Type": "application/x-nothing"}, "x")
    return found


def compare_with_mlflow(address: str, twin: str, table: Any) -> None:
    """The same requests to both: the same status, the same shape."""
    import requests

    for name, (headers, body) in requests_of(table).items():
        theirs = requests.post(f"{twin}/invocations", data=body, headers=headers, timeout=60)
        ours = requests.post(
            f"{address}/invocations", params={"model_id": "classes"}, data=body, headers=headers, timeout=60
        )
        detail = f"MLflow {theirs.status_code} {theirs.text[:90]}, FlowML {ours.status_code} {ours.text[:90]}"
        ok = theirs.status_code == ours.status_code
        if ok and theirs.status_code == 200:
            ok = shape_of(theirs.json()) == shape_of(ours.json())
        elif ok and theirs.headers["content-type"].startswith("application/json"):
            ok = theirs.json()["error_code"] == ours.json()["error_code"] and "message" in ours.json()
        say(f"as MLflow's own server: {name}", ok, detail)


def shape_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape_of(item) for name, item in value.items()}
    return [shape_of(item) for item in value] if isinstance(value, list) else type(value).__name__


def call_mlflow(address: str, table: Any) -> None:
    """MLflow's own client, as it stands: it names no model, so that only a server of one answers it."""
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, _, port = address.removeprefix("http://").partition(":")
    client = ScoringServerClient(host, port)
    attempt("mlflow client: ping", client.ping)
    attempt("mlflow client: version", client.get_version)
    rows = table[FEATURES].head(ROWS)
    found = attempt("mlflow client: a data frame", lambda: client.invoke(rows).get_predictions().iloc[:, 0].tolist())
    say("mlflow client: one prediction a row", found is not None and len(found) == ROWS, found)
    gaps = rows.astype({"age": "float64"}).copy()
    gaps.loc[gaps.index[0], "age"] = float("nan")
    attempt("mlflow client: a data frame with NaN", lambda: len(client.invoke(gaps).get_predictions()) == ROWS)
    attempt(
        "mlflow client: params",
        lambda: client.invoke(rows, params={"predict_method": "predict_proba"}).get_predictions().shape == (ROWS, 2),
    )


def call_mlflow_of_one(address: str, table: Any) -> None:
    """The same client, which is told an address below which one model of several answers."""
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, _, port_and_path = address.removeprefix("http://").partition(":")
    client = ScoringServerClient(host, port_and_path)
    rows = table[FEATURES].head(ROWS)
    found = attempt(
        "mlflow client: one model of a whole server", lambda: client.invoke(rows).get_predictions().iloc[:, 0].tolist()
    )
    say("mlflow client: its classes", found is not None and len(found) == ROWS and set(found) <= {"yes", "no"}, found)
    attempt(
        "mlflow client: params for it",
        lambda: client.invoke(rows, params={"predict_method": "predict_proba"}).get_predictions().shape == (ROWS, 2),
    )
    missing = ScoringServerClient(host, f"{port_and_path}-not")
    try:
        missing.invoke(rows)
        say("mlflow client: a model that is not there is refused", False)
    except Exception as error:
        say("mlflow client: a model that is not there is refused", "RESOURCE_DOES_NOT_EXIST" in str(error), error)


def call_triton(address: str, table: Any) -> None:
    """Triton's own client, with binary tensors as it sends them by itself, and with JSON."""
    import numpy as np
    import tritonclient.http as triton

    client = triton.InferenceServerClient(address.removeprefix("http://"))
    attempt("tritonclient: live and ready", lambda: client.is_server_live() and client.is_server_ready())
    attempt("tritonclient: the model is ready", lambda: client.is_model_ready("classes", "1"))
    attempt("tritonclient: no other is", lambda: not client.is_model_ready("nothing"))
    attempt("tritonclient: the server's metadata", lambda: client.get_server_metadata()["extensions"])
    described = attempt("tritonclient: the model's metadata", lambda: client.get_model_metadata("classes"))
    names = {item["name"] for item in (described or {}).get("inputs", [])}
    say("tritonclient: the metadata has the columns", set(FEATURES) <= names, names)
    rows = table.head(ROWS)

    def inputs(binary: bool) -> list[Any]:
        columns = {
            "age": (rows["age"].to_numpy(np.float64), "FP64"),
            "city": (rows["city"].to_numpy(object), "BYTES"),
            "member": (rows["member"].to_numpy(bool), "BOOL"),
        }
        found = []
        for name, (values, datatype) in columns.items():
            one = triton.InferInput(name, [ROWS], datatype)
            one.set_data_from_numpy(values, binary_data=binary)
            found.append(one)
        return found

    answers = {
        way: attempt(f"tritonclient: infer, {way}", partial(client.infer, "classes", inputs(binary)))
        for way, binary in (("binary", True), ("JSON", False))
    }
    if any(answer is None for answer in answers.values()):
        return
    binary, plain = answers["binary"], answers["JSON"]
    shares = binary.as_numpy("probabilities")
    say("tritonclient: probabilities add up", shares.shape == (ROWS, 2) and np.allclose(shares.sum(axis=1), 1), shares)
    say("tritonclient: JSON says the same", np.array_equal(shares, plain.as_numpy("probabilities")))
    wanted = [triton.InferRequestedOutput("prediction", binary_data=False)]
    named = client.infer("classes", inputs(True), outputs=wanted, request_id="7")
    say("tritonclient: one output, in JSON", named.get_response()["id"] == "7", named.get_response())
    matrix = triton.InferInput("rows", [ROWS, len(described["inputs"])], "BYTES")
    texts = [[str(row.get(item["name"], "")) for item in described["inputs"]] for row in rows.to_dict("records")]
    matrix.set_data_from_numpy(np.array(texts, dtype=object))
    attempt(
        "tritonclient: all columns in one tensor",
        lambda: np.allclose(client.infer("classes", [matrix]).as_numpy("probabilities"), shares),
    )
    wrong = triton.InferInput("age", [1], "BYTES")
    wrong.set_data_from_numpy(np.array(["old"], dtype=object))
    for check, name, sent in (("a wrong value", "classes", wrong), ("a model that is not there", "nothing", matrix)):
        try:
            client.infer(name, [sent])
            say(f"tritonclient: {check} is refused", False)
        except triton.InferenceServerException as error:
            say(f"tritonclient: {check} is refused", error.status() in ("400", "404"), error)


def call_arrow(address: str, table: Any) -> None:
    """Arrow's own library: a stream out and a stream in, and Parquet."""
    import io

    import pyarrow
    import pyarrow.parquet
    import requests

    rows = pyarrow.Table.from_pandas(table[FEATURES])

    def ask(content: bytes, media_type: str) -> bytes:
        url = f"{address}/api/results/predict"
        answer = requests.post(url, data=content, headers={"Content-Type": media_type}, timeout=120)
        answer.raise_for_status()
        return bytes(answer.content)

    def by_stream() -> bool:
        sink = io.BytesIO()
        with pyarrow.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        found = pyarrow.ipc.open_stream(ask(sink.getvalue(), "application/vnd.apache.arrow.stream")).read_all()
        return bool(found.num_rows == len(table) and {*FEATURES, "prediction"} <= set(found.column_names))

    def by_parquet() -> bool:
        sink = io.BytesIO()
        pyarrow.parquet.write_table(rows, sink)
        content = ask(sink.getvalue(), "application/vnd.apache.parquet")
        return bool(pyarrow.parquet.read_table(io.BytesIO(content)).num_rows == len(table))

    attempt("pyarrow: a stream in and out", by_stream)
    attempt("pyarrow: Parquet in and out", by_parquet)


def validate(address: str, model: str) -> None:
    """The documents, by a validator of the specification, and the answers by the documents."""
    import jsonschema
    import requests
    from openapi_spec_validator import validate as check

    document = requests.get(f"{address}/api/results/model/{model}/openapi.json", timeout=60).json()
    attempt(f"openapi-spec-validator: the document of {model}", lambda: check(document))
    for path, item in document["paths"].items():
        operation = item["post"]
        content = operation["requestBody"]["content"]["application/json"]
        named = {parameter["name"]: model for parameter in operation.get("parameters", ())}
        answer = requests.post(f"{address}{path}", json=content["example"], params=named, timeout=60)
        said = operation["responses"]["200"]["content"]["application/json"]["schema"]
        for what, schema, value in (
            ("example", content["schema"], content["example"]),
            ("answer", said, answer.json()),
        ):
            validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
            attempt(
                f"jsonschema: the {what} of {path}, {model}",
                partial(validator.validate, value),
            )
    whole = requests.get(f"{address}/api/openapi.json", timeout=60).json()
    attempt("openapi-spec-validator: the document of the server", lambda: check(whole))


def main() -> None:
    import pandas as pd

    classes, numbers, one, folder = *sys.argv[1:4], Path(sys.argv[4])
    table = pd.read_csv(folder / "table.csv")
    with mlflow_server(folder) as twin:
        call_triton(classes, table)
        call_arrow(classes, table)
        validate(classes, "classes")
        validate(numbers, "numbers")
        call_mlflow(classes, table)
        call_mlflow_of_one(one, table)
        wait_for(twin)
        compare_with_mlflow(classes, twin, table)


if __name__ == "__main__":
    main()
