"""Sessions with mail servers, kept for the next mail of the same connection."""

import contextlib
import os
import smtplib
import threading
from collections import deque
from collections.abc import Iterator

from workflows.messaging.outbound import Deadline, OutboundError
from workflows.messaging.providers.smtp.server import Server
from workflows.messaging.providers.smtp.session import Session

MAXIMUM_IDLE = 64
MAXIMUM_IDLE_PER_SERVER = 16


class Pool:
    """The resting sessions of this process; shared by threads, each session used by one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resting: dict[Server, deque[Session]] = {}
        self._pid = os.getpid()

    @contextlib.contextmanager
    def session(self, server: Server, deadline: Deadline) -> Iterator[Session]:
        """Lend a session; raises NotSent when none can be opened."""
        session = self._take(server) or Session(server, deadline)
        try:
            yield session
        except OutboundError:
            self._give_back(server, session)
            raise
        except BaseException:
            session.close()  # who knows in the middle of what
            raise
        else:
            self._give_back(server, session)

    def clear(self) -> None:
        """Take leave of all servers."""
        with self._lock:
            resting, self._resting = self._resting, {}
        for sessions in resting.values():
            for session in sessions:
                say_goodbye(session)

    def _take(self, server: Server) -> Session | None:
        stale = []
        try:
            with self._lock:
                if self._pid != os.getpid():  # a fork: the sessions are the parent's
                    self._resting, self._pid = {}, os.getpid()
                resting = self._resting.get(server)
                while resting:
                    session = resting.pop()
                    if session.is_fresh():
                        return session
                    stale.append(session)
                return None
        finally:
            for session in stale:
                say_goodbye(session)

    def _give_back(self, server: Server, session: Session) -> None:
        if session.is_fresh():
            self._keep(server, session)
        else:
            session.close()

    def _keep(self, server: Server, session: Session) -> None:
        surplus = []
        with self._lock:
            resting = self._resting.pop(server, None) or deque()
            self._resting[server] = resting  # the server used last is at the end
            resting.append(session)
            if len(resting) > MAXIMUM_IDLE_PER_SERVER:
                surplus.append(resting.popleft())
            if sum(map(len, self._resting.values())) > MAXIMUM_IDLE:
                surplus += self._resting.pop(next(iter(self._resting)))
        for unwanted in surplus:
            say_goodbye(unwanted)


def say_goodbye(session: Session) -> None:
    """Close a session without waiting for the answer."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        session.deadline = Deadline.after(1)
        session.putcmd("quit")
    session.close()


pool = Pool()
"""This process's sessions."""
