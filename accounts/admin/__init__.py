"""The staff door to accounts."""

from django.contrib import admin
from django.contrib.auth.models import Group

from accounts.admin import account, api_key, audit_entry, membership, team, user

admin.site.unregister(Group)  # roles of memberships say who may do what

__all__ = ["account", "api_key", "audit_entry", "membership", "team", "user"]
