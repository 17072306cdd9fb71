"""MLflow, an extra: to the server of MLFLOW_TRACKING_URI, else into files in the run's folder."""

import os
import time
from collections.abc import Mapping

from deemo_jax.training.trackers.tracker import TrackedRun

EXPERIMENT = "deemo_jax"
# Of the client, where the environment does not say otherwise: no telemetry; a server that is away is not waited for
# for minutes; files are accepted.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ALLOW_FILE_STORE": "true",
}


class MlflowTracker:
    """A run of MLflow, by its client, which adds nothing of user, host and code by itself."""

    def __init__(self, run: TrackedRun) -> None:
        for key, value in ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        from mlflow import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI") or run.folder.absolute().as_uri()
        self._client = MlflowClient(tracking_uri=address)
        self.ident = run.ident or self._begun(run)
        if run.ident:
            self._client.update_run(self.ident, status="RUNNING")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Sends the numbers."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._client.log_batch(self.ident, metrics=[Metric(name, value, now, step) for name, value in values.items()])

    def close(self, finished: bool) -> None:
        """Marks the run as ended."""
        self._client.set_terminated(self.ident, "FINISHED" if finished else "KILLED")

    def _begun(self, run: TrackedRun) -> str:
        from mlflow.entities import Param

        known = self._client.get_experiment_by_name(os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
        home = known.experiment_id if known else self._client.create_experiment(EXPERIMENT)
        ident: str = self._client.create_run(home, run_name=run.name).info.run_id
        self._client.log_batch(ident, params=[Param(key, str(value)) for key, value in run.numbers.items()])
        return ident
