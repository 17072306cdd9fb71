"""Weights & Biases, an extra. Without a key, or with WANDB_MODE=offline, it writes files that `wandb sync` sends."""

import netrc
import os
import secrets
from collections.abc import Mapping
from typing import Any

from deemo_jax.training.trackers.tracker import TrackedRun

PROJECT = "deemo_jax"
# Seconds that the service has to answer when a run begins.
INIT_S = 30.0
# What the client would tell of machine, user, code and terminal by itself.
SILENT: Mapping[str, Any] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "host": "",
    "init_timeout": INIT_S,
    "program": "",
    "save_code": False,
    "silent": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


class WandbTracker:
    """A run of Weights & Biases."""

    def __init__(self, run: TrackedRun) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        run.folder.mkdir(parents=True, exist_ok=True)
        self.ident = run.ident or secrets.token_hex(4)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=self.ident,
            resume="allow",
            config=dict(run.numbers),
            dir=str(run.folder),
            mode=_mode(),
            settings=wandb.Settings(**SILENT),
        )
        # A run that goes on from an earlier step gives steps again, which the service's own count does not take.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Hands the numbers to the client's process."""
        self._run.log({"step": step, **values})

    def close(self, finished: bool) -> None:
        """Waits until all is sent or, offline, written."""
        self._run.finish(exit_code=0 if finished else 1)


def _mode() -> str:
    """As WANDB_MODE says; else online where there is a key, since without one the client would ask for it."""
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    if os.environ.get("WANDB_API_KEY"):
        return "online"
    try:
        return "online" if netrc.netrc().authenticators("api.wandb.ai") else "offline"
    except (OSError, netrc.NetrcParseError):
        return "offline"
