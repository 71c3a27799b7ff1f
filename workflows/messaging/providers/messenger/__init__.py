"""Meta Messenger over the Graph API: of every message is known whether Meta has it, does not, or may have it."""

from workflows.messaging.providers.messenger.errors import Refused
from workflows.messaging.providers.messenger.page import API_HOST, API_VERSION, MessengerPage
from workflows.messaging.providers.messenger.profiles import name_of
from workflows.messaging.providers.messenger.sending import Attached, send
from workflows.messaging.providers.messenger.signatures import SIGNATURE_HEADER, is_genuine, sign

__all__ = [
    "API_HOST",
    "API_VERSION",
    "SIGNATURE_HEADER",
    "Attached",
    "MessengerPage",
    "Refused",
    "is_genuine",
    "name_of",
    "send",
    "sign",
]
