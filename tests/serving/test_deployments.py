"""The examples for Compose and KServe hold what `bert-serve` takes, and fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.serving.conftest import Running
from tests.serving.dockerfile import one, stages

from bert_serve.command import parse
from bert_serve.options import ServeOptions

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "examples/compose.yaml"
KSERVE = ROOT / "examples/kserve.yaml"
IMAGE = stages(ROOT / "docker/Dockerfile")[1]

SERVICE = {
    *("build", "command", "ports", "volumes", "secrets", "read_only", "tmpfs", "cap_drop", "security_opt"),
    *("stop_grace_period", "restart", "deploy"),
}
"""Keys of Compose's specification that the example uses; a misspelt one would be refused by Compose, not by us."""
CONTAINER = {
    *("name", "image", "args", "ports", "readinessProbe", "livenessProbe", "startupProbe", "resources"),
    *("securityContext", "volumeMounts"),
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "api-keys").write_text("a-long-enough-key\n")
    return tmp_path / "api-keys"


def _options(arguments: list[str]) -> ServeOptions:
    """What the command makes of them, behind those of the image."""
    return parse([*one(IMAGE, "ENTRYPOINT").words[1:], *arguments], {})


def _longest(options: ServeOptions) -> float:
    """Seconds in which a server that was told to stop has ended."""
    return options.drain_seconds + options.limits.seconds + options.limits.body_seconds


def test_compose_runs_the_image_with_flags_that_there_are(keys: Path) -> None:
    document = yaml.safe_load(COMPOSE.read_text())
    assert set(document) == {"services", "secrets"}
    service = document["services"]["bert-serve"]
    assert set(service) == SERVICE
    build = service["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).resolve() == ROOT / "docker/Dockerfile"
    arguments = [str(keys) if each == "/run/secrets/api-keys" else each for each in service["command"]]
    options = _options(arguments)
    assert len(options.keys) == 1
    assert service["ports"] == [f"{options.port}:{options.port}"]
    assert str(options.load.threads) == service["deploy"]["resources"]["limits"]["cpus"]
    (volume,) = service["volumes"]
    assert options.bundles[0].path.startswith(volume.split(":")[1])
    assert set(service["secrets"]) == set(document["secrets"])
    assert service["read_only"]
    assert service["tmpfs"] == ["/tmp"]
    assert float(service["stop_grace_period"].rstrip("s")) > _longest(options)


def test_kserve_runs_the_image_with_flags_that_there_are(server: Running) -> None:
    runtime, service = yaml.safe_load_all(KSERVE.read_text())
    assert [runtime["apiVersion"], runtime["kind"]] == ["serving.kserve.io/v1alpha1", "ServingRuntime"]
    assert [service["apiVersion"], service["kind"]] == ["serving.kserve.io/v1beta1", "InferenceService"]
    (container,) = runtime["spec"]["containers"]
    assert container["name"] == "kserve-container"  # the one that KServe fills in
    assert set(container) == CONTAINER
    options = _options([each.replace("{{.Name}}", service["metadata"]["name"]) for each in container["args"]])
    assert options.bundles[0].path == "/mnt/models"  # where KServe puts what storageUri names
    assert container["ports"][0]["containerPort"] == options.port
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] == options.port
        assert server.get(asked["path"]).status == 200
    user = container["securityContext"]["runAsUser"]
    assert str(user) == one(IMAGE, "USER").value
    assert str(options.load.threads) == container["resources"]["limits"]["cpu"]
    _fits(runtime["spec"], service["spec"]["predictor"], options)
    assert server.get("/v2/models/text-classification").json["inputs"]  # the protocol that both name


def _fits(runtime: dict[str, Any], predictor: dict[str, Any], options: ServeOptions) -> None:
    model = predictor["model"]
    assert model["runtime"] == "bert-serve"
    assert model["protocolVersion"] in runtime["protocolVersions"]
    assert model["modelFormat"]["name"] == runtime["supportedModelFormats"][0]["name"]
    assert predictor["terminationGracePeriodSeconds"] > _longest(options)
    mounted = {each["name"] for each in runtime["containers"][0]["volumeMounts"]}
    assert mounted == {each["name"] for each in runtime["volumes"]}
