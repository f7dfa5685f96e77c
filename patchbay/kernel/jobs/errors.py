"""What goes wrong with jobs."""


class UnknownTaskError(LookupError):
    """No package registered a task of this name."""


class GiveUpError(Exception):
    """Raised by a task that knows trying again cannot help: the job becomes a dead letter at once."""


class TimeLimitError(Exception):
    """Raised inside a task that runs longer than its time limit."""


class InterruptedJobError(Exception):
    """Raised inside a task whose worker stops or was taken for dead; the job runs again elsewhere."""


class WorkerLostError(Exception):
    """The reason of a job whose worker died while it ran."""


class FencedError(Exception):
    """This worker was taken for dead by another (it was stopped, or cut off) and must start anew."""
