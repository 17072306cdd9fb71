"""A folder of results that is there whole or not at all."""

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import current_umask
from deemo_jax.core.run_folder.lock import Lock


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`, renamed to `out` at the end, or removed after an error.

    Raises:
        UserError: another process writes `out`, or has just written it; or the folder cannot be written.
    """
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with Lock(out.with_name(f".{out.name}.lock"), "name another --out", out, stays=False) as lock:
            lock.take()
            if out.exists():
                raise UserError(f"{out}: another conversion has written it just now; run again to compare it")
            beginning, end = f".{out.name}.", ".partial"
            if lock.held:  # what a killed process has left
                for rest in out.parent.glob(glob.escape(beginning) + "?" * 8 + end):
                    shutil.rmtree(rest, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix=beginning, suffix=end, dir=out.parent))
            yield temporary
            temporary.chmod(0o777 & ~current_umask())
            temporary.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error}); check space and permissions") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
