"""Whom a call is connected with, as its config names them."""

import re
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows.configs.base import StrictConfig
from workflows.configs.references import KINDS, missing_detail
from workflows.messaging.services.call_scripts import EXTERNAL, IVR, QUEUE, USER

TYPES = (USER, QUEUE, EXTERNAL, IVR)
LONGEST = 2048
UUID_TEXT = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
RULES = {
    QUEUE: (re.compile(r"\S(?:[^\x00-\x1f]{0,62}\S)?"), "Give a queue's name of ≤ 64 characters."),
    EXTERNAL: (re.compile(r"\+[1-9][0-9]{6,14}"), "Give a phone number in E.164, such as +14155550123."),
    IVR: (
        re.compile(r"https://[^\s/?#@]+(?:[/?#]\S*)?"),
        "Give the address of TwiML or of a Studio flow's webhook; it begins with https://.",
    ),
}


def check_destination(config: StrictConfig, destination_type: str, value: str) -> None:
    """Raise ValidationError unless a destination fits its type; a user is a member of the account."""
    problem = _problem(config, destination_type, value)
    if problem:
        raise ValidationError({"destination_value": [problem]})


def _problem(config: StrictConfig, destination_type: str, value: str) -> ErrorDetail | None:
    if destination_type != USER:
        pattern, detail = RULES[destination_type]
        return None if pattern.fullmatch(value) else ErrorDetail(detail, code="invalid")
    if not UUID_TEXT.fullmatch(value):
        return ErrorDetail("Give the user's id as a UUID.", code="invalid")
    if not KINDS["user"].find(config.account_id, UUID(value)).exists():
        return ErrorDetail(missing_detail("user"), code="user_not_found")
    return None
