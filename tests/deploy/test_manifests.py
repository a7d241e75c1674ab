"""The Kubernetes manifests as kubectl renders them: valid, restricted, naming only variables that the code reads."""

import importlib
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.shared_files import REPO_ROOT

pytestmark = pytest.mark.deploy

SERVICES = ("gateway", "loyalty", "feedback", "notifications", "recommendations")
TARGETS = ("base", "overlays/example")
VERSION = "1.33"


@cache
def render(target: str) -> list[dict[str, Any]]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    path = REPO_ROOT / "deploy" / "kubernetes" / target
    done = subprocess.run([kubectl, "kustomize", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def pods(target: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in render(target):
        if document["kind"] in ("Deployment", "Job"):
            yield f"{document['kind']}/{document['metadata']['name']}", document["spec"]["template"]["spec"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_object_is_valid_for_its_kubernetes_schema(target: str) -> None:
    documents = render(target)
    assert len(documents) > 30
    for document in documents:
        kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize("target", TARGETS)
def test_every_pod_meets_the_restricted_pod_security_standard(target: str) -> None:
    for name, pod in pods(target):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        assert pod["automountServiceAccountToken"] is False, name
        assert not any("hostPath" in volume for volume in pod["volumes"]), name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


@pytest.mark.parametrize("target", TARGETS)
def test_every_deployment_is_probed_on_a_port_that_it_opens_and_selects_its_own_pods(target: str) -> None:
    for document in render(target):
        if document["kind"] != "Deployment":
            continue
        spec = document["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        container = spec["template"]["spec"]["containers"][0]
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 30


def test_services_select_api_pods_and_each_service_has_its_roles_and_a_migration() -> None:
    documents = render("base")
    names = {(document["kind"], document["metadata"]["name"]) for document in documents}
    for service in SERVICES:
        assert ("Deployment", f"{service}-api") in names
        assert ("Job", f"{service}-migrate") in names
        assert (("Deployment", f"{service}-worker") in names) == (service != "gateway")
        assert ("PodDisruptionBudget", f"{service}-api") in names
    for document in documents:
        if document["kind"] == "Service":
            assert document["spec"]["selector"]["app.kubernetes.io/component"] == "api"


@cache
def variables_read_by_the_code() -> frozenset[str]:
    names = set()
    for service in SERVICES:
        settings = importlib.import_module(f"{service}.settings").Settings
        prefix = settings.model_config["env_prefix"]
        names |= {f"{prefix}{field}".upper() for field in settings.model_fields}
    return frozenset(names)


def variables_named_by_the_manifests() -> Iterator[str]:
    for document in render("base"):
        if document["kind"] == "ConfigMap":
            yield from document["data"]
        if document["kind"] in ("Deployment", "Job"):
            for container in document["spec"]["template"]["spec"]["containers"]:
                yield from (variable["name"] for variable in container.get("env", []))


def test_every_variable_of_the_manifests_is_one_that_the_code_reads() -> None:
    named = set(variables_named_by_the_manifests())
    assert len(named) > 15
    assert named <= variables_read_by_the_code()


def test_every_secret_key_of_the_readme_is_one_that_the_code_reads() -> None:
    text = (REPO_ROOT / "deploy" / "kubernetes" / "README.md").read_text()
    named = set(re.findall(r"`((?:GATEWAY|LOYALTY|FEEDBACK|NOTIFICATIONS|RECOMMENDATIONS)_[A-Z_]+)`", text))
    assert len(named) >= 10
    assert named <= variables_read_by_the_code()


def test_every_image_is_built_from_a_lock_that_exists_and_its_app_can_be_created() -> None:
    images = {container["image"] for _, pod in pods("base") for container in pod["containers"]}
    assert images == {f"comeback-{service}" for service in SERVICES}
    for service in SERVICES:
        assert (REPO_ROOT / "requirements" / f"{service}.lock").exists()
        assert callable(importlib.import_module(f"{service}.app").create_app)
        assert importlib.util.find_spec(f"{service}.__main__") is not None
