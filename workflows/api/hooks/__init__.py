"""Addresses that providers call: no login, a signature over all they say instead, checked before anything is read."""

from django.urls import path

from workflows.api.hooks.mail_services import mail_service
from workflows.api.hooks.messenger import messenger
from workflows.api.hooks.twilio import twilio
from workflows.api.hooks.twilio_calls import twilio_call
from workflows.messaging.providers.mail_services import SERVICES

urlpatterns = [
    path("hooks/messenger/<uuid:connection_id>", messenger, name="hook-messenger"),
    path("hooks/twilio/<uuid:connection_id>", twilio, name="hook-twilio"),
    path("hooks/twilio/<uuid:connection_id>/calls/<str:about>", twilio_call, name="hook-twilio-call"),
    *(path(f"hooks/{kind}/<uuid:connection_id>", mail_service(kind), name=f"hook-{kind}") for kind in SERVICES),
]
