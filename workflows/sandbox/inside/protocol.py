"""The words between a worker, its template and its cells."""

import struct

READY = b"ready"
"""Template to worker: locked up, tested, waiting."""
FORK = b"f"
"""Worker to template, with two connections: make a cell. The first is the cell's, the second says how it ends."""
DRAIN = b"d"
"""Worker to template: end when the last cell has."""
STATUS = struct.Struct("=id")
"""Template to worker, on the second connection: the cell has ended, with this status of waitpid, after so many seconds
of processor."""
LOCKED = b"\n"
"""Cell to worker, the first byte of the answer: locked in, the script starts now."""
GRACE_SECONDS = 0.5
"""How long after its time of processor a run ends by the clock, whatever it does."""
