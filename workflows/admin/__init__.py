"""The staff door."""

from workflows.admin import contacts, executions, notifications, workflows

__all__ = ["contacts", "executions", "notifications", "workflows"]
