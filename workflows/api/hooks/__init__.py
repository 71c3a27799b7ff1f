"""Addresses that providers call: no login, a signature over all they say instead, checked before anything is read."""

from django.urls import path

from workflows.api.hooks.twilio import twilio

urlpatterns = [path("hooks/twilio/<uuid:connection_id>", twilio, name="hook-twilio")]
