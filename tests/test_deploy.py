"""What is in deploy/ fits the program that it starts: every command, option and setting in it exists, and the tools
that read it take it, where they are installed."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowml.cli import build_parser
from flowml.domain.access.caller import TokenKind
from flowml.domain.access.tokens import is_secret
from flowml.services.settings import Settings

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
CHART = DEPLOY / "helm" / "flowml"
HELM = shutil.which("helm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
SETTINGS = {f"FLOWML_{name.upper()}" for name in Settings.model_fields}
# A worker's, and one that its unit alone knows.
OTHERS = {"FLOWML_TOKEN", "FLOWML_SERVER"}
EVERYTHING = {
    "ingress": {"enabled": True, "host": "ml.example.com", "tlsSecret": "certificate", "className": "nginx"},
    "server": {"env": {"FLOWML_MAX_UPLOAD_MB": "2000"}, "nodeSelector": {"disk": "fast"}, "tolerations": [{}]},
    "workers": {
        "slots": 3,
        "queues": ["cpu", "gpu"],
        "runtimeClassName": "nvidia",
        "autoscaling": {"enabled": True, "prometheusAddress": "http://prometheus:9090"},
    },
    "imagePullSecrets": [{"name": "registry"}],
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The arguments as the program takes them; one that it does not know ends the test."""
    return build_parser().parse_args(arguments)


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def rendered(tmp_path: Path, values: dict[str, Any] | None = None, *, fails: bool = False) -> Any:
    """The objects that Helm makes of the chart, by kind and component; with `fails` what it says."""
    if HELM is None:
        pytest.skip("there is no helm")
    given = tmp_path / "values.yaml"
    given.write_text(yaml.safe_dump(values or {}))
    environment = {**os.environ, "HOME": str(tmp_path)}
    command = [HELM, "template", "ml", str(CHART), "--namespace", "science", "--values", str(given)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if fails:
        assert run.returncode != 0
        return run.stderr
    assert run.returncode == 0, run.stderr
    found = [document for document in yaml.safe_load_all(run.stdout) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in found}


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.stem)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    text = unit.read_text()
    [command] = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    python, file, *arguments = command.split()
    assert (python, file) == ("/usr/bin/python3", "/opt/flowml/flowml.pyz")
    parsed(arguments)
    assert set(re.findall(r"FLOWML_[A-Z_]+", text)) <= SETTINGS | OTHERS
    analyse = shutil.which("systemd-analyze")
    if analyse and Path("/usr/bin/python3").exists():
        run = subprocess.run([analyse, "verify", str(unit)], capture_output=True, text=True)
        assert unit.name not in run.stderr, run.stderr


def test_compose_starts_commands_that_there_are() -> None:
    services = compose()["services"]
    for name in ("server", "worker", "model"):
        parsed(services[name].get("command") or ["serve"])
        assert set(services[name]["environment"]) <= SETTINGS | OTHERS
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"]
    # Nobody reaches it from elsewhere unless that is asked for.
    assert services["server"]["ports"] == ["127.0.0.1:8000:8000"]
    assert services["worker"]["command"][2] == f"http://{services['server']['hostname']}:8000"


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="there is no docker-compose")
def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    command = ["docker-compose", "--file", str(DEPLOY / "compose.yaml"), "--profile", "workers", "config", "--quiet"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr


def test_the_image_is_made_of_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r"FLOWML_[A-Z_]+", text)) <= SETTINGS
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    needed = {line[1:] for line in ignored if line.startswith("!")}
    for pattern in needed:
        assert list(DEPLOY.parent.glob(pattern)), f".dockerignore lets {pattern} in, which is not there"
    makefile = (DEPLOY.parent / "Makefile").read_text()
    recipes = makefile[makefile.index("\nsetup:") : makefile.index("\n$(DONE)/bench")]
    for script in set(re.findall(r"(scripts|requirements[a-z-]*\.txt|hatch_build\.py|pyproject\.toml)", recipes)):
        assert any(Path(script).match(pattern) for pattern in needed), f"the image is made without {script}"


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it comes", "with everything"])
def test_the_chart_starts_commands_that_there_are(tmp_path: Path, values: dict[str, Any]) -> None:
    objects = rendered(tmp_path, values)
    server = objects["StatefulSet", "ml-flowml"]["spec"]["template"]["spec"]
    worker = objects["Deployment", "ml-flowml-worker"]["spec"]["template"]["spec"]
    for pod in (server, worker):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            # Where a shell stands before it, its own arguments are the program and its file.
            parsed(container["args"][2:] if "command" in container else container["args"])
            assert {item["name"] for item in container.get("env", [])} <= SETTINGS | OTHERS
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert all(mount["name"] in known(pod, objects) for mount in container["volumeMounts"])
        assert pod["securityContext"]["runAsNonRoot"]
    assert objects["StatefulSet", "ml-flowml"]["spec"]["replicas"] == 1

    options = parsed(worker["containers"][0]["args"])
    service = objects["Service", "ml-flowml"]["spec"]
    assert options.server == f"http://ml-flowml:{service['ports'][0]['port']}"
    settings = {item["name"]: item["value"] for item in server["containers"][0]["env"]}
    hosts = Settings(allowed_hosts=settings["FLOWML_ALLOWED_HOSTS"]).allowed_hosts  # type: ignore[arg-type]
    assert hosts[:2] == ("ml-flowml", "ml-flowml.science")
    assert ("https://ml.example.com" in hosts) == bool(values)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        [host] = server["containers"][0][probe]["httpGet"]["httpHeaders"]
        assert host == {"name": "Host", "value": hosts[0]}


def known(pod: dict[str, Any], objects: dict[Any, Any]) -> set[str]:
    claims = objects["StatefulSet", "ml-flowml"]["spec"]["volumeClaimTemplates"]
    return {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in claims}


def test_the_chart_draws_tokens_that_the_server_takes(tmp_path: Path) -> None:
    import base64

    secret = rendered(tmp_path)["Secret", "ml-flowml"]["data"]
    for kind in (TokenKind.ADMIN, TokenKind.WORKER):
        assert is_secret(kind, base64.b64decode(secret[f"{kind}-token"]).decode())
    assert ("Secret", "ml-flowml") not in rendered(tmp_path, {"existingSecret": "mine"})


def test_workers_follow_what_waits(tmp_path: Path) -> None:
    scaler = rendered(tmp_path, EVERYTHING)["HorizontalPodAutoscaler", "ml-flowml-worker"]["spec"]
    assert scaler["metrics"][0]["external"]["metric"]["name"] == "flowml_queue_trials"
    scaling = {"enabled": True, "kind": "keda", "prometheusAddress": "http://prometheus:9090", "minReplicas": 0}
    keda = rendered(tmp_path, {"workers": {"autoscaling": scaling}})["ScaledObject", "ml-flowml-worker"]["spec"]
    assert keda["triggers"][0]["metadata"]["query"] == 'sum(flowml_queue_trials{queue="cpu"})'
    assert keda["minReplicaCount"] == 0
    assert "hpa or keda" in rendered(tmp_path, {"workers": {"autoscaling": scaling | {"kind": "x"}}}, fails=True)
    assert "prometheusAddress" in rendered(
        tmp_path, {"workers": {"autoscaling": {"enabled": True, "kind": "keda"}}}, fails=True
    )
