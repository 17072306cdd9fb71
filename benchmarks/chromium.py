"""The system's Chromium, driven by Playwright, which needs the extra `review`."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from deemo_jax.core.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    """The path of Chromium; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def opened() -> Iterator[Any]:
    """A headless Chromium, as Playwright's `Browser`.

    Raises:
        UserError: there is no Chromium, or no Playwright.
    """
    path = found()
    if path is None:
        raise UserError(f"no Chromium on this machine ({', '.join(NAMES)}); install it with the system's packages")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise UserError("Playwright is not installed: make setup EXTRAS=review") from error
    with sync_playwright() as playwright:
        # As root Chromium has no sandbox of its own; what it opens here is ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
