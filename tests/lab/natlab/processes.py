"""Programs that run in a namespace: started, awaited by a condition, their output kept, ended in any case."""

import contextlib
import re
import subprocess

from .waiting import wait_until


class Died(AssertionError):
    """A program ended before it was ready."""


class Process:
    """One running program. Its standard output and error go, in order, to the file `log`."""

    def __init__(self, namespace, argv, log, ready=None, timeout=10.0, environment=None):
        """Starts it and, given a pattern `ready`, waits until its output matches."""
        self.argv = [str(part) for part in argv]
        self.log = log
        with open(log, "wb") as sink:
            self._popen = subprocess.Popen(namespace.argv(*self.argv), stdin=subprocess.DEVNULL, stdout=sink,
                                           stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        if ready is not None:
            try:
                self.wait_output(ready, timeout)
            except BaseException:
                self.end()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def running(self):
        return self._popen.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_output(self, pattern, timeout=10.0):
        """Waits for a line that matches and returns the match."""
        expression = re.compile(pattern, re.MULTILINE)

        def seen():
            alive = self.running
            found = expression.search(self.output())
            if not found and not alive:
                raise Died(f"{self.argv[0]} ended with {self._popen.returncode} before "
                           f"/{pattern}/ was seen:\n{self.output()[-3000:]}")
            return found

        return wait_until(seen, lambda: f"/{pattern}/ from {self.argv[0]}, which said:\n{self.output()[-3000:]}",
                          timeout)

    def send(self, number):
        """Sends a signal, unless it has ended."""
        if self.running:
            self._popen.send_signal(number)

    def wait(self, timeout=10.0):
        """Waits for its end and returns the exit code (negative: killed by that signal)."""
        return self._popen.wait(timeout)

    def end(self, patience=3.0):
        """Asks it to end, insists after `patience` seconds, and returns the exit code."""
        if self.running:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(patience)
        if self.running:
            self._popen.kill()
        return self._popen.wait(10)

    def kill(self):
        """kill -9."""
        self._popen.kill()
        return self._popen.wait(10)
