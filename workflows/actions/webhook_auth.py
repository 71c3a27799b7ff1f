"""How webhooks authenticate: secrets are rows of their own, read when a call is made."""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.actors import Actor
from accounts.problems import Invalid, Problem
from workflows.actions.outside import ErrorClass, Permanent
from workflows.configs.base import StrictConfig, unknown_field
from workflows.configs.fields import TextField
from workflows.configs.hints import Hint
from workflows.configs.references import ReferenceField
from workflows.configs.web import HeaderNameField, SecretTextField
from workflows.messaging.secrets import (
    SecretText,
    UnreadableSecret,
    create_secret,
    reveal_secrets,
    secret_versions,
)
from workflows.messaging.services.signing_secrets import signing_secret_id

AUTH_PARTS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "api_key": ("header", "value"),
}
"""What each way to authenticate is configured with; the last part is its secret."""
DEFAULT_HEADER = "X-API-Key"
SECRET_LENGTH = 4096
NO_LONGER_THERE = "A secret that the webhook uses no longer exists; set it anew."


class AuthConfig(StrictConfig):
    """How a webhook authenticates. Secrets are kept apart, never shown again, and stay where none are sent."""

    hints = {
        "username": Hint(shown_when={"auth_type": ("basic",)}),
        "password": Hint(shown_when={"auth_type": ("basic",)}),
        "token": Hint(shown_when={"auth_type": ("bearer",)}),
        "header": Hint(shown_when={"auth_type": ("api_key",)}, placeholder=DEFAULT_HEADER),
        "value": Hint(shown_when={"auth_type": ("api_key",)}, label="Key"),
        "password_secret_id": Hint(widget="hidden"),
        "token_secret_id": Hint(widget="hidden"),
        "value_secret_id": Hint(widget="hidden"),
    }

    username = TextField(
        required=False,
        max_length=255,
        pattern=r"[^:\x00-\x1f]+",
        hint="Leave out colons and control characters.",
        help_text="basic: the user name, ≤ 255 characters, no colon.",
    )
    password = SecretTextField(required=False, max_length=SECRET_LENGTH, help_text="basic: the password.")
    token = SecretTextField(required=False, max_length=SECRET_LENGTH, help_text="bearer: the token.")
    header = HeaderNameField(
        required=False,
        max_length=100,
        help_text=f"api_key: the header that carries it, `{DEFAULT_HEADER}` unless given.",
    )
    value = SecretTextField(required=False, max_length=SECRET_LENGTH, help_text="api_key: the key.")
    password_secret_id = ReferenceField("secret", required=False, help_text="Where the password is kept.")
    token_secret_id = ReferenceField("secret", required=False, help_text="Where the token is kept.")
    value_secret_id = ReferenceField("secret", required=False, help_text="Where the key is kept.")


def check_auth(auth_type: str, auth: Mapping[str, Any] | None) -> None:
    """Raise ValidationError where `auth_config` has parts that its type does not have."""
    if auth is None:
        return
    if auth_type == "none":
        detail = "`auth_type` is none; name one, or leave `auth_config` out."
        raise ValidationError({"auth_config": [ErrorDetail(detail, code="invalid")]})
    parts = AUTH_PARTS[auth_type]
    if wrong := {name: [unknown_field(name, parts)] for name in auth if name not in (*parts, secret_name(auth_type))}:
        raise ValidationError({"auth_config": wrong})


def secret_name(auth_type: str) -> str:
    return f"{AUTH_PARTS[auth_type][-1]}_secret_id"


def auth_with_ids(
    auth_type: str, given: Mapping[str, Any], kept: Mapping[str, Any], *, account_id: UUID, actor: Actor, label: str
) -> dict[str, Any]:
    """Return the parts to store: those given, else those kept; a secret that was given becomes a row.

    An id is accepted only where it is the one that was kept: else an editor could send any secret of the account away.
    """
    part, id_name = AUTH_PARTS[auth_type][-1], secret_name(auth_type)
    if given.get(id_name, kept.get(id_name)) != kept.get(id_name):
        detail = f"Send `{part}` itself; ids of secrets cannot be chosen."
        raise Invalid(Problem("invalid", detail, f"auth_config.{id_name}"))
    auth = {**kept, **given}
    needed = [name for name in AUTH_PARTS[auth_type][:-1] if name != "header"]
    missing = [name for name in needed if name not in auth]
    if part not in auth and id_name not in auth:
        missing.append(part)
    if missing:
        raise Invalid(*(Problem("required", "This field is required.", f"auth_config.{name}") for name in missing))
    if part in auth:
        secret = create_secret(account_id=account_id, actor=actor, name=label, value=auth.pop(part))
        auth[id_name] = str(secret.id)
    return auth


def auth_header(auth_type: str, auth: Mapping[str, Any], secret: str) -> tuple[str, str]:
    """Return the header that authenticates."""
    if auth_type == "basic":
        pair = base64.b64encode(f"{auth['username']}:{secret}".encode()).decode()
        return "Authorization", f"Basic {pair}"
    if auth_type == "bearer":
        return "Authorization", f"Bearer {secret}"
    return auth.get("header", DEFAULT_HEADER), secret


class Credentials:
    """The secrets of one call, read when it is made."""

    def __init__(self, signing: SecretText, headers: Mapping[str, str], secrets: Sequence[SecretText]) -> None:
        self.signing = signing
        self.headers = headers
        self.secrets = secrets

    def added_to(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with those that authenticate, which replace others of the same name."""
        names = {name.lower() for name in self.headers}
        return {name: value for name, value in headers.items() if name.lower() not in names} | dict(self.headers)

    def texts(self) -> set[str]:
        """Return everything that must not be kept of an answer that repeats it."""
        sent = {part for value in self.headers.values() for part in (value, value.rpartition(" ")[2])}
        return sent | {secret.reveal() for secret in self.secrets}

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "Credentials":
        """Read the secrets that `SecretsInUse` named. Raises Permanent when they cannot be read."""
        named = tuple((UUID(secret_id), version) for secret_id, version in payload["secrets"])
        texts = revealed(UUID(payload["account_id"]), named)
        auth_type = payload["auth_type"]
        if auth_type == "none":
            return cls(texts[0], {}, texts)
        name, value = auth_header(auth_type, payload["auth"], texts[1].reveal())
        return cls(texts[0], {name: value}, texts)


class SecretsInUse:
    """The secrets of one step, by id and version, so that what was revealed once serves every call until it changes."""

    def __init__(self, config: Mapping[str, Any], *, account_id: UUID, actor: Actor) -> None:
        signing_id = config.get("signing_secret_id") or signing_secret_id(account_id=account_id, actor=actor)
        ids = [UUID(str(signing_id))]
        if config["auth_type"] != "none":
            ids.append(UUID(config["auth_config"][secret_name(config["auth_type"])]))
        versions = secret_versions(account_id=account_id, secret_ids=ids)
        self.are_there = versions.keys() >= set(ids)
        self.named = [[str(secret_id), versions.get(secret_id, "")] for secret_id in ids]


@lru_cache(maxsize=256)
def revealed(account_id: UUID, named: tuple[tuple[UUID, str], ...]) -> list[SecretText]:
    """Return the secrets in their order; the version is there to tell a changed one from its former value."""
    ids = [secret_id for secret_id, _ in named]
    try:
        found = reveal_secrets(account_id=account_id, secret_ids=ids)
    except UnreadableSecret as error:
        raise Permanent(ErrorClass.INVALID_CONFIG, str(error), result={"code": "secret_unreadable"}) from None
    if not found.keys() >= set(ids):
        raise Permanent(ErrorClass.INVALID_CONFIG, NO_LONGER_THERE, result={"code": "secret_not_found"})
    return [found[secret_id] for secret_id in ids]
