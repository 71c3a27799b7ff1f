"""SMS and calls through Twilio and its SDK: of each is known whether Twilio has it, does not, or may have it."""

from workflows.messaging.providers.twilio.account import API_HOST, TwilioAccount
from workflows.messaging.providers.twilio.calling import Callbacks, find_calls, place
from workflows.messaging.providers.twilio.errors import Refused
from workflows.messaging.providers.twilio.sending import Accepted, find, send
from workflows.messaging.providers.twilio.signatures import SIGNATURE_HEADER, is_genuine

__all__ = [
    "API_HOST",
    "SIGNATURE_HEADER",
    "Accepted",
    "Callbacks",
    "Refused",
    "TwilioAccount",
    "find",
    "find_calls",
    "is_genuine",
    "place",
    "send",
]
