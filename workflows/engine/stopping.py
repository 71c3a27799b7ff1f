"""Whether this worker process was asked to end: long work looks here between one transaction and the next."""

import threading

_asked = threading.Event()

is_stopping = _asked.is_set
stop = _asked.set
