"""Client and worker for tasker, the workflow-orchestration service."""

from ._json import JsonError
from ._version import VERSION
from .aio import AsyncClient
from .channel import Tls
from .client import Client
from .credentials import Token
from .errors import (
    PermanentError,
    RefusedError,
    RetryableError,
    SetupError,
    StepCancelled,
    StepError,
    TaskerError,
    TaskFailedError,
    TransportError,
    Violation,
)
from .model import Step, Task, Transition
from .worker import HealthServer, StepContext, Worker, WorkerStatus

__version__ = VERSION

__all__ = [
    "AsyncClient",
    "Client",
    "HealthServer",
    "JsonError",
    "PermanentError",
    "RefusedError",
    "RetryableError",
    "SetupError",
    "Step",
    "StepCancelled",
    "StepContext",
    "StepError",
    "Task",
    "TaskFailedError",
    "TaskerError",
    "Tls",
    "Token",
    "Transition",
    "TransportError",
    "VERSION",
    "Violation",
    "Worker",
    "WorkerStatus",
]
