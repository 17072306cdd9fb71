"""When the next request may be begun, for all threads together."""

import threading
import time


class Pace:
    """Spaces requests evenly, and holds all of them back while a server asks to wait.

    Args:
        per_minute: requests begun in a minute at most; 0 for no bound.
        stop: ends all waiting.
    """

    def __init__(self, per_minute: float, stop: threading.Event) -> None:
        self._between_s = 60.0 / per_minute if per_minute else 0.0
        self._stop = stop
        self._lock = threading.Lock()
        # The earliest times of the next request, monotonic seconds: by the rate, and by what the server asked.
        self._next = self._held_until = 0.0

    def wait(self) -> None:
        """Returns when a request may be begun, or all is to stop."""
        while True:
            with self._lock:
                now = time.monotonic()
                due = max(self._next, self._held_until)
                if due <= now or self._stop.is_set():
                    self._next = now + self._between_s
                    return
            self._stop.wait(due - now)

    def hold(self, seconds: float) -> None:
        """No request is begun for so long."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)
