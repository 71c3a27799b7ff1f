"""The staff door."""

from workflows.admin import contacts, executions, workflows

__all__ = ["contacts", "executions", "workflows"]
