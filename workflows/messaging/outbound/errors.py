"""Why an outgoing request has no answer, told apart by whether it may have had an effect."""


class OutboundError(Exception):
    """No answer came. `error_class` is one of the retry table; the message names the host, never more of the URL."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message


class NotSent(OutboundError):
    """No byte of the request went out, or its receiver only pointed elsewhere: repeating it is safe."""


class SentUnknown(OutboundError):
    """The request, or part of it, was sent and the answer is missing: it may have had its effect."""
