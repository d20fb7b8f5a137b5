"""The one exception a user is meant to read."""


class UserError(Exception):
    """Something the user can mend. The message is one to three plain lines; it is shown without a traceback."""


class DataMissing(UserError):
    """A data set that is not on disk and cannot be fetched; the run's cell is then `not run`, with this reason."""
