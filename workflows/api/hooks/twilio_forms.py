"""What Twilio posts: read from the raw body, if its signature holds."""

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, QueryDict

from workflows.messaging.models import Connection
from workflows.messaging.outbound import NotSent
from workflows.messaging.providers.twilio import SIGNATURE_HEADER, TwilioAccount, is_genuine

LONGEST_ID = 64


def genuine_form(request: HttpRequest, connection: Connection) -> QueryDict | None:
    """Return what was posted if it was signed with the connection's auth token."""
    try:
        form = QueryDict(request.body, encoding="utf-8")
        token = TwilioAccount.of(connection).token()
    except (TooManyFieldsSent, NotSent):
        return None
    url = settings.PUBLIC_URL.rstrip("/") + request.get_full_path()
    signature = request.headers.get(SIGNATURE_HEADER, "")
    return form if is_genuine(token=token, url=url, parameters=form, signature=signature) else None


def text_of(form: QueryDict, name: str) -> str:
    """Return a parameter as it can be stored."""
    return str(form.get(name, "")).replace("\0", "")
