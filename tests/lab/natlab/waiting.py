"""Waiting for conditions. Nothing in the lab sleeps for a time in the hope that something has happened."""

import time


class Timeout(AssertionError):
    """A condition did not come true in time. An AssertionError, so that a test fails rather than errs."""


def wait_until(condition, what, timeout=10.0, every=0.02):
    """Calls `condition` until it returns something true, and returns that.

    `what` says what is awaited; it may be a function, called only when the time is over.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise Timeout(f"waited {timeout:g} s in vain for {what() if callable(what) else what}")
        time.sleep(every)
