"""The gate: what keeps a message from being sent, and why; asked for many contacts at a time, anew at every attempt.

Way through this package:
verdicts – what is asked and what is answered
records – what the database knows that bears on it, read with one query
judging – the rules, in their order: consent, hours, frequency cap
hours – when a step may send: law, the table of calling hours; clocks, reckoning with zones; places, where a contact is
windows – when a page may write on Messenger
words – by which contacts say STOP; `services/consent_words.py` does what they ask for

What changes between the verdict and the call is caught by the statement that starts calls, which looks at opt-outs
and closing times once more.
"""

from workflows.messaging.gate.hours import QuietHours
from workflows.messaging.gate.judging import QUIET_HOURS, judge
from workflows.messaging.gate.verdicts import Purpose, Sending, Verdict
from workflows.messaging.gate.windows import Window

__all__ = ["QUIET_HOURS", "Purpose", "QuietHours", "Sending", "Verdict", "Window", "judge"]
