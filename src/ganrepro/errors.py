"""The one exception a user is meant to read, and how a command ends with it."""

import sys
from collections.abc import Callable

INTERRUPTED = 130  # the exit code after Ctrl-C


class UserError(Exception):
    """Something the user can mend. The message is one to three plain lines; it is shown without a traceback."""


class DataMissing(UserError):
    """A data set that is not on disk and cannot be fetched; the run's cell is then `not run`, with this reason."""


class JobsLost(UserError):
    """Processes of a sweep that were killed before their jobs were done; the other jobs went on to their ends."""


def first_line(error: Exception) -> str:
    """Of its message, to which torch may add its stack; or what kind of error it is."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def of_disk(error: OSError) -> str:
    """ "<file>: No space left on device", or without the file where the system does not say which."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words


def exit_code(work: Callable[[], object]) -> int:
    """Of a command: 0 when `work` is done, 1 after a user's error or a file that cannot be written, which is said."""
    try:
        work()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot write {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
