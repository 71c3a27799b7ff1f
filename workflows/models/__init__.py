from workflows.models.action import Action, OnError
from workflows.models.dispatch import DispatchStatus, WorkflowDispatch
from workflows.models.execution import (
    ENDED_STATUSES,
    ActionExecution,
    ActionExecutionStatus,
    CompletionReason,
    ExecutionStatus,
    PauseReason,
    SingleEnrollment,
    WorkflowExecution,
)
from workflows.models.heartbeat import WorkerHeartbeat
from workflows.models.trigger import Trigger
from workflows.models.trouble import FailureMail, Trouble, TroubleKind
from workflows.models.version import WorkflowVersion
from workflows.models.workflow import Reentry, Workflow, WorkflowStatus

__all__ = [
    "ENDED_STATUSES",
    "Action",
    "ActionExecution",
    "ActionExecutionStatus",
    "CompletionReason",
    "DispatchStatus",
    "ExecutionStatus",
    "FailureMail",
    "OnError",
    "PauseReason",
    "Reentry",
    "SingleEnrollment",
    "Trigger",
    "Trouble",
    "TroubleKind",
    "WorkerHeartbeat",
    "Workflow",
    "WorkflowDispatch",
    "WorkflowExecution",
    "WorkflowStatus",
    "WorkflowVersion",
]
