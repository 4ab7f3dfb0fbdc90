"""Running steps."""

from .context import StepContext
from .health import HealthServer
from .worker import Worker, WorkerStatus

__all__ = ["HealthServer", "StepContext", "Worker", "WorkerStatus"]
