"""The script in which every launch ends: what it hands to train, and which GPUs a process has."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """In place of the interpreter: prints its arguments, and the environment that JAX reads."""
    file = tmp_path / "python"
    file.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nenv | grep -E '^(JAX_|https_proxy)' | sort\n")
    file.chmod(0o755)
    return file


def run(python: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHON": str(python)} | environment
    return subprocess.run(["launch/run.sh", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "environment", "folder", "flags"),
    [
        (["configs/sample.py"], {}, "runs/sample", []),
        (["configs/sample.py:video", "--verify_data"], {}, "runs/sample", ["--verify_data"]),
        (["a.py", "--workdir", "x y", "--config.name=b c"], {}, "x y", ["--config.name=b c"]),
        (["a.py", "--workdir=x"], {"RUN": "video"}, "x/video", []),
    ],
)
def test_a_run_is_gone_on_with_in_its_folder(
    python: Path, arguments: list[str], environment: dict[str, str], folder: str, flags: list[str]
) -> None:
    done = run(python, *arguments, https_proxy="http://proxy:1", **environment)
    words = ["-m", "deemo_jax.train", "--config", arguments[0], "--workdir", folder, "--resume", *flags]
    assert done.stdout.splitlines() == words, done.stderr


@pytest.mark.parametrize(
    ("tasks", "place", "seen", "on_node", "ids"),
    [
        ("1(x2)", 0, "0,1,2,3,4,5,6,7", "8", "0,1,2,3,4,5,6,7"),  # one task a node has all
        ("8(x2)", 3, "0,1,2,3,4,5,6,7", "8", "3"),
        ("2,1", 1, "0,1,2,3", "4", "2,3"),
        ("8", 3, "3", "8", "0"),  # SLURM has divided them: --gpus-per-task
        ("2", 1, "4,5", "4", "0,1"),
        ("1", 0, "0", "1", "0"),
    ],
)
def test_the_tasks_of_a_node_divide_its_gpus(
    python: Path, tasks: str, place: int, seen: str, on_node: str, ids: str
) -> None:
    slurm = {"SLURM_STEP_TASKS_PER_NODE": tasks, "SLURM_LOCALID": str(place), "SLURM_GPUS_ON_NODE": on_node}
    done = run(python, "a.py", CUDA_VISIBLE_DEVICES=seen, **slurm)
    assert done.stdout.splitlines()[-2:] == [f"JAX_LOCAL_DEVICE_IDS={ids}", "JAX_PLATFORMS=cuda,cpu"], done.stderr


def test_under_open_mpi_they_are_those_that_the_driver_lists(python: Path, tmp_path: Path) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf 'GPU 0\\nGPU 1\\nGPU 2\\nGPU 3\\n'\n")
    driver.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    mpi = {"OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "PATH": path}
    assert "JAX_LOCAL_DEVICE_IDS=2,3" in run(python, "a.py", **mpi).stdout
    assert "JAX_" not in run(python, "a.py", CUDA_VISIBLE_DEVICES="-1", **mpi).stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], {}, "name a recipe first"),
        (["--workdir=x"], {}, "name a recipe first"),
        (["a.py", "--workdir"], {}, "--workdir: name a folder"),
        (
            ["a.py"],
            {"SLURM_LOCALID": "0", "SLURM_STEP_TASKS_PER_NODE": "3", "CUDA_VISIBLE_DEVICES": "0,1,2,3"},
            "4 GPUs do not divide among the 3 tasks",
        ),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    python: Path, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    done = run(python, *arguments, **environment)
    assert done.returncode == 2 and said in done.stderr and not done.stdout
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("restarts", ["SLURM_RESTART_COUNT", "RESTART_ATTEMPT"])
def test_a_run_that_saves_nothing_is_not_restarted_for_ever(python: Path, tmp_path: Path, restarts: str) -> None:
    workdir, saved = tmp_path / "w", tmp_path / "w" / "checkpoints"
    command = ["a.py", "--workdir", str(workdir)]

    def start(number: int, process: int = 0) -> subprocess.CompletedProcess[str]:
        return run(python, *command, FRUITLESS="2", JAX_PROCESS_ID=str(process), **{restarts: str(number)})

    assert start(0).returncode == 0 and not workdir.exists()
    assert [start(number).returncode for number in (1, 2)] == [0, 0]
    done = start(3)
    assert done.returncode == 2 and not done.stdout and len(done.stderr.splitlines()) == 1
    assert f"{workdir}: was restarted 2 times without a checkpoint newer than step 0" in done.stderr
    assert start(3, process=1).returncode == 0  # each process counts its own
    for step in ("100", "90", "0900", "110.orbax-checkpoint-tmp", "set_aside"):
        (saved / step).mkdir(parents=True)
    assert [start(number).returncode for number in (4, 5)] == [0, 0]
    assert "newer than step 100" in start(6).stderr
    assert [start(number).returncode for number in (0, 1, 2)] == [0, 0, 0]  # somebody has started it anew


def sweep_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["launch/slurm/sweep_line.sh", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_run_of_a_sweep_is_its_name_and_its_flags(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.txt"
    sweep.write_text("# runs\n\n  # more\nfirst\nsecond --a='[\"x y\"]'  --b\n'not a name' --c\nopen '--d\n")
    assert sweep_line(str(sweep), "0").stdout == "first\n"
    assert sweep_line(str(sweep), "1").stdout == 'second\n--a=["x y"]\n--b\n'
    for index, said in ((2, "must begin with its name"), (3, "are not closed"), (4, "no run 4 is there, but 0 to 3")):
        done = sweep_line(str(sweep), str(index))
        assert done.returncode == 2 and said in done.stderr and not done.stdout
        assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("file", "said"), [("", "needs SWEEP=FILE"), ("absent.txt", "there is no such file")])
def test_a_sweep_needs_its_file(file: str, said: str) -> None:
    done = sweep_line(file, "0")
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_page_and_the_files_name_flags_that_train_has() -> None:
    source = (ROOT / "deemo_jax" / "train.py").read_text()
    known = set(re.findall(r'flags\.DEFINE_\w+\(\s*"(\w+)"', source)) | {"config"}
    named = set()
    for file in ("launch/run.sh", "launch/slurm/train.sbatch", "launch/kubernetes/jobset.py", "launch/tpu_vm/train.sh"):
        text = (ROOT / file).read_text()
        named |= set(re.findall(r"--(config|workdir|resume|distributed|\w+_\w+)\b", text))
    assert {"config", "workdir", "resume", "distributed"} <= named <= known


def test_flags_reach_all_hosts_of_a_tpu_vm_as_they_were_given(tmp_path: Path) -> None:
    host = tmp_path / "a host" / "launch"
    host.mkdir(parents=True)
    (host / "run.sh").write_text("#!/bin/sh\necho $JAX_PLATFORMS\nprintf '%s\\n' \"$@\"\n")
    gcloud = tmp_path / "gcloud"  # runs the command that the hosts would
    gcloud.write_text(
        '#!/bin/bash\n[[ $* == "compute tpus tpu-vm ssh a --worker=all --command="* ]] && bash -c "${7#--command=}"\n'
    )
    for file in (host / "run.sh", gcloud):
        file.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TPU_NAME": "a", "CHECKOUT": str(host.parent)}
    flags = ["configs/sample.py:video,audio", "--config.trainable=['a \"b\"', '!c']", "--workdir", "x y"]
    command = ["launch/tpu_vm/train.sh", *flags]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["tpu,cpu", *flags, "--distributed"], done.stderr
    done = subprocess.run(command, cwd=ROOT, env=env | {"TPU_NAME": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "name the TPU VM" in done.stderr and len(done.stderr.splitlines()) == 1
