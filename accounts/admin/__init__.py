"""The staff door to accounts."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group

from accounts.admin import account, api_key, audit_entry, user

admin.site.unregister(Group)  # roles of memberships say who may do what
admin.site.unregister(EmailAddress)  # unused: the user's own address is the one to sign in with
admin.site.unregister(Authenticator)  # secrets of second factors are on no page

__all__ = ["account", "api_key", "audit_entry", "user"]
