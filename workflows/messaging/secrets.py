"""Keeping secrets: encrypted at rest under keys that can be changed, named everywhere, shown nowhere.

`SECRET_KEYS` lists Fernet keys. The first encrypts, all decrypt. To change the key put a new one in front, run
`manage.py rotate_secrets`, then take the old one away.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError

from accounts.actors import Actor
from accounts.audit import record
from accounts.problems import Conflict, Invalid, Missing, Problem
from workflows.messaging.models import Secret
from workflows.messaging.signing import InvalidSigningSecret, signing_key

MAXIMUM_LENGTH = 8192
MAXIMUM_NAME_LENGTH = 120
SIGNING_NAME = "webhook_signing"
"""Whose value signs the account's webhooks where a step names no other."""
PAGE = 200
MASK = "••••••"


class SecretText:
    """A secret in memory. Printed, logged or formatted it shows dots; only `reveal()` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled.")


class UnreadableSecret(Exception):
    """A secret cannot be decrypted: its key is missing from SECRET_KEYS."""


@dataclass(slots=True)
class Rotation:
    """What a rotation did."""

    rotated: int = 0
    unreadable: list[UUID] = field(default_factory=list)


def create_secret(*, account_id: UUID, actor: Actor, name: str, value: str) -> Secret:
    """Keep a secret under a name. Invalid for an empty or too long one, Conflict when the name is taken."""
    _check(name, value)
    ciphertext, key_id = _encrypt(value)
    try:
        with transaction.atomic():
            secret = Secret.objects.create(account_id=account_id, name=name, ciphertext=ciphertext, key_id=key_id)
            _audit(secret, actor, "secret.created", after={"name": name})
    except IntegrityError as error:
        raise Conflict(
            "name_taken", f"There is a secret named “{name}” already; choose another name.", "name"
        ) from error
    return secret


def replace_secret(*, account_id: UUID, actor: Actor, secret_id: UUID, value: str) -> Secret:
    """Give a secret a new value; whatever refers to it uses that from now on."""
    with transaction.atomic():
        secret = _locked(account_id, secret_id)
        _check(secret.name, value)
        secret.ciphertext, secret.key_id = _encrypt(value)
        secret.save(update_fields=["ciphertext", "key_id", "updated_at"])
        _audit(secret, actor, "secret.replaced", after={"name": secret.name})
    return secret


def delete_secret(*, account_id: UUID, actor: Actor, secret_id: UUID) -> None:
    """Forget a secret; Conflict while a connection uses it."""
    try:
        with transaction.atomic():
            secret = _locked(account_id, secret_id)
            _audit(secret, actor, "secret.deleted", before={"name": secret.name})
            secret.delete()
    except RestrictedError as error:
        raise Conflict("in_use", "A connection uses this secret; give the connection another one first.") from error


def reveal_secrets(*, account_id: UUID, secret_ids: Iterable[UUID]) -> dict[UUID, SecretText]:
    """Decrypt secrets of the account with one query; those that do not exist are left out.

    UnreadableSecret when the key of one is missing.
    """
    rows = Secret.objects.for_account(account_id).filter(id__in=list(secret_ids)).values_list("id", "ciphertext")
    return {secret_id: _decrypt(ciphertext) for secret_id, ciphertext in rows}


def secret_versions(*, account_id: UUID, secret_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return for each secret that exists a text that changes with its value; one query."""
    rows = Secret.objects.for_account(account_id).filter(id__in=list(secret_ids)).values_list("id", "updated_at")
    return {secret_id: updated_at.isoformat() for secret_id, updated_at in rows}


def rotate_secrets() -> Rotation:
    """Encrypt every account's secrets anew that are not under the first key; page by page, safe to interrupt."""
    rotation = Rotation()
    _, current = _keys(tuple(settings.SECRET_KEYS))
    last = UUID(int=0)
    while True:
        with transaction.atomic():
            page = list(
                Secret.objects.select_for_update().filter(id__gt=last).exclude(key_id=current).order_by("id")[:PAGE]
            )
            for secret in page:
                try:
                    secret.ciphertext, secret.key_id = _encrypt(_decrypt(secret.ciphertext).reveal())
                    rotation.rotated += 1
                except UnreadableSecret:
                    rotation.unreadable.append(secret.id)
            Secret.objects.bulk_update(page, ["ciphertext", "key_id"])
        if len(page) < PAGE:
            return rotation
        last = page[-1].id


def problem_of_keys(keys: Sequence[str]) -> str | None:
    """Say what is wrong with SECRET_KEYS, if anything; never repeats a key."""
    if not keys:
        return "SECRET_KEYS is empty; it needs at least one Fernet key."
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            return (
                f"Key number {number} of SECRET_KEYS is no Fernet key; `manage.py rotate_secrets --new-key` makes one."
            )
    return None


def _check(name: str, value: str) -> None:
    problems = []
    if not name.strip() or len(name) > MAXIMUM_NAME_LENGTH or not name.isprintable():
        problems.append(Problem("invalid", f"A name has 1 to {MAXIMUM_NAME_LENGTH} printable characters.", "name"))
    if not value or len(value) > MAXIMUM_LENGTH or not _is_text(value):
        problems.append(Problem("invalid", f"A secret has 1 to {MAXIMUM_LENGTH} characters.", "value"))
    elif name == SIGNING_NAME:
        try:
            signing_key(value)
        except InvalidSigningSecret as error:
            problems.append(Problem("invalid", str(error), "value"))
    if problems:
        raise Invalid(*problems)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _locked(account_id: UUID, secret_id: UUID) -> Secret:
    secret = Secret.objects.for_account(account_id).select_for_update().filter(id=secret_id).first()
    if secret is None:
        raise Missing
    return secret


def _audit(
    secret: Secret,
    actor: Actor,
    verb: str,
    *,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    record(
        account_id=secret.account_id,
        actor=actor,
        verb=verb,
        object_type="secret",
        object_id=secret.id,
        before=before,
        after=after,
    )


def _encrypt(value: str) -> tuple[str, str]:
    fernet, key_id = _keys(tuple(settings.SECRET_KEYS))
    return fernet.encrypt(value.encode()).decode(), key_id


def _decrypt(ciphertext: str) -> SecretText:
    fernet, _ = _keys(tuple(settings.SECRET_KEYS))
    try:
        return SecretText(fernet.decrypt(ciphertext).decode())
    except InvalidToken:
        raise UnreadableSecret(
            "A secret cannot be decrypted; the key it was written with is not in SECRET_KEYS."
        ) from None


@lru_cache(maxsize=4)
def _keys(keys: tuple[str, ...]) -> tuple[MultiFernet, str]:
    """Return the cipher of all keys and the id of the first."""
    return MultiFernet([Fernet(key) for key in keys]), hashlib.sha256(keys[0].encode()).hexdigest()[:16]
