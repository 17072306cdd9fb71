"""What jobset.py prints is what Kubernetes and JobSet take, by their own schemas."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VARIABLES = {
    "gpu": {"NAME": "run1", "IMAGE": "images/deemo_jax:cuda", "CLAIM": "data", "NODES": "2", "GPUS": "8"},
    "tpu": {
        "NAME": "run1",
        "IMAGE": "images/deemo_jax:tpu",
        "CLAIM": "data",
        "ACCELERATOR": "tpu-v5-lite-podslice",
        "TOPOLOGY": "16x16",
        "HOSTS": "64",
        "CHIPS": "4",
        "SLICES": "1",
    },
}
FLAGS = ["configs/sample.py", "--config.trainable=['a \"b\"', '!c: d']", "--config.name=$(HOME)"]


def render(kind: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "launch/kubernetes/jobset.py", kind, *arguments]
    env = {"PATH": os.environ["PATH"]} | VARIABLES.get(kind, {}) | variables
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def closed(schema: Any) -> Any:
    """The schema, in which an object has no other fields than those that it lists, as the server checks them."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | {"additionalProperties": False} if "properties" in schema else inner


@pytest.fixture(params=["gpu", "tpu"])
def rendered(request: pytest.FixtureRequest) -> dict[str, Any]:
    done = render(request.param, *FLAGS)
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout))


def test_a_jobset_is_one_by_its_schema(rendered: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = closed(yaml.safe_load((Path(__file__).parent / "jobset_schema.yaml").read_text()))
    jsonschema.validate(rendered, schema)
    rendered["spec"]["failurePolicy"]["maxRestart"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(rendered, schema)


def test_its_job_is_one_by_the_published_schema(rendered: dict[str, Any]) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    (replicated,) = rendered["spec"]["replicatedJobs"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}} | replicated["template"]
    validate.validate(job, "1.33", strict=True)
    job["spec"]["template"]["spec"]["containers"][0]["arg"] = []
    with pytest.raises(validate.ValidationError):
        validate.validate(job, "1.33", strict=True)


def test_flags_arrive_as_they_were_given(rendered: dict[str, Any]) -> None:
    (container,) = rendered["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["containers"]
    # $(NAME) would be a variable of Kubernetes, which $$ prevents.
    passed = [word.replace("$$(", "$(") for word in container["args"]]
    assert passed == [FLAGS[0], "--workdir=/data/runs/run1", *FLAGS[1:], "--distributed"]


def test_processes_of_gpus_know_how_many_they_are_and_where_the_first_is() -> None:
    found = yaml.safe_load(render("gpu", *FLAGS).stdout)
    (replicated,) = found["spec"]["replicatedJobs"]
    job = replicated["template"]["spec"]
    env = {one["name"]: one.get("value") for one in job["template"]["spec"]["containers"][0]["env"]}
    assert int(env["JAX_NUM_PROCESSES"]) == job["completions"] == job["parallelism"] == 2
    # JobSet names the first pod NAME-REPLICATEDJOB-0-0, in the domain NAME.
    assert env["JAX_COORDINATOR_ADDRESS"] == f"run1-{replicated['name']}-0-0.run1:8476"


@pytest.mark.parametrize(
    ("kind", "arguments", "variables", "said"),
    [
        ("gpu", ["configs/sample.py"], {"CLAIM": ""}, "set CLAIM in the environment"),
        ("gpu", ["configs/sample.py"], {"NODES": "two"}, "NODES: 'two' must be a whole number above 0"),
        ("gpu", ["configs/sample.py"], {"NAME": "Run_1"}, "NAME: 'Run_1' must be at most 40"),
        ("gpu", ["configs/sample.py"], {"IMAGE": "a\nb: c"}, "has a blank, a quote or #"),
        ("gpu", ["--config.name=x"], {}, "then a recipe"),
        ("cpu", ["configs/sample.py"], {}, "name gpu or tpu"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    kind: str, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    done = render(kind, *arguments, **variables)
    assert done.returncode == 2 and said in done.stderr and not done.stdout
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
