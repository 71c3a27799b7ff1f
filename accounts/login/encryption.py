"""Keys of what is encrypted at rest, and bringing second factors under a new one."""

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction

ENCRYPTED = ("secret", "seed")
"""Fields of an authenticator's data that hold ciphertext."""


def keyring() -> MultiFernet:
    """Return SECRET_KEYS: the first encrypts, all decrypt."""
    return MultiFernet([Fernet(key) for key in settings.SECRET_KEYS])


def rotate_second_factors() -> tuple[int, int]:
    """Encrypt all second factors with the first of SECRET_KEYS; returns how many were, and how many are unreadable."""
    keys, rotated, unreadable = keyring(), 0, 0
    for authenticator_id in Authenticator.objects.order_by("id").values_list("id", flat=True):
        with transaction.atomic():
            authenticator = Authenticator.objects.select_for_update().filter(pk=authenticator_id).first()
            held = [name for name in ENCRYPTED if authenticator is not None and name in authenticator.data]
            if authenticator is None or not held:
                continue
            try:
                fresh = {name: keys.rotate(authenticator.data[name].encode()).decode() for name in held}
            except InvalidToken:
                unreadable += 1
                continue
            authenticator.data |= fresh
            authenticator.save(update_fields=["data"])
            rotated += 1
    return rotated, unreadable
