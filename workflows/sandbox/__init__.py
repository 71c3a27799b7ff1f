"""Runs customers' JavaScript where it can reach nothing but its own result. Imports nothing of ours.

running – `run` and `syntax_error`: one script, one process, one result that is not believed
reading – which properties of a variable a script names, read off its text
template – the worker's end of the process that cells are forked from
readiness – whether it holds on this machine, and what is missing
inside/ – what happens in those processes; a map of its own

A cell has no rights (another user where we are root), no environment, no files, no network, bounded memory and time,
and dies by any system call but the few that memory, time and its answer need.
"""

from workflows.sandbox.readiness import missing, problem
from workflows.sandbox.reading import properties_named
from workflows.sandbox.running import run, syntax_error
from workflows.sandbox.values import CODE_BYTES, ErrorKind, Limits, Result, ScriptError, Unavailable

__all__ = [
    "CODE_BYTES",
    "ErrorKind",
    "Limits",
    "Result",
    "ScriptError",
    "Unavailable",
    "missing",
    "problem",
    "properties_named",
    "run",
    "syntax_error",
]
