"""Commands that run at once in one terminal: each line of theirs behind a name, Ctrl-C for all of them."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from ganrepro.errors import INTERRUPTED

PATIENCE = 10.0  # seconds that a command has to end after Ctrl-C, before it is told again and then killed


class Processes:
    """`run` may be called by several threads at once; `stop` ends what they wait for."""

    def __init__(self, width: int) -> None:
        self.width, self.alive, self.stopping = width, set[subprocess.Popen[str]](), False

    def run(self, name: str, words: Sequence[str]) -> int:
        """Runs a command to its end and returns its exit code, below 0 for a signal's.

        KeyboardInterrupt where it, or all of them, were stopped.
        """
        if self.stopping:
            raise KeyboardInterrupt
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            encoding="utf-8",
            errors="replace",
        ) as process:
            self.alive.add(process)
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    print(f"{name:<{self.width}} | {line}", end="", flush=True)
                code = process.wait()
            finally:
                self.alive.discard(process)
        if self.stopping or code in (INTERRUPTED, -signal.SIGINT):
            raise KeyboardInterrupt
        return code

    def stop(self) -> None:
        """Ends them after Ctrl-C, of which the terminal has told them; if it has not, they are told."""
        self.stopping = True
        left = list(self.alive)
        for last_word in (lambda process: process.send_signal(signal.SIGINT), subprocess.Popen.kill):
            for process in left:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE)
            left = [process for process in left if process.poll() is None]
            for process in left:
                last_word(process)
