"""What docs/openapi.yaml promises holds: schemathesis plays every operation as each of two roles.

The cases run inside of the test's transaction, each taken back, against rows that exist: the ids in a path are those of
`routes.py`'s samples, the ids in an accepted body those of its references. `make test` plays a few cases of each
operation, the same every time; `make prove` plays all that schemathesis thinks of, and 50 at random.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import RejectedPositiveData

from accounts.models import Account, Role
from accounts.tests.fixtures import client_for
from config.testing import ROOT
from workflows.api.tests.routes import REFERENCES, ROUTES, sample
from workflows.api.tests.test_hostile_input import undone

# schemathesis' client leaves the files that the app answers open
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO")

PREFIX = "/api/v1/"
CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "412"]},
    "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "413", "415"]},
}
ROLES = [Role.VIEWER, Role.ADMIN]
BY_PATH = {f"{PREFIX}{route.path}": route for route in ROUTES}
BEYOND_SCHEMAS = [
    ("*_not_found", "*"),  # what a value refers to does not exist
    ("invalid_template", "*"),  # Liquid
    ("invalid_json", "*"),  # NUL, numbers that PostgreSQL cannot store
    ("invalid_filter", "cursor"),  # of no earlier answer
    ("invalid_filter", "search"),  # too many words
    ("invalid_filter", "action_type"),  # of no registered type
    ("invalid_filter", "branch_id"),
    ("invalid", "*"),  # a text that means nothing: a zone, a color, an address, a name with signs that it may not have
    ("invalid_choice", "*timezone"),  # of too many to list
    ("blank", "*"),  # white space alone
    ("required", "*"),  # what another field asks for, e.g. the evidence of an opt-in
    ("unknown_field", "custom_fields.*"),  # of no such field of the account
    ("*", "action_config.*"),  # what one setting means for another, and settings of another type than the action's
    ("*", "retry.*"),
    ("unknown_field", "settings.*"),  # of another type than the trigger's
    ("*", "filters*"),  # a tree of conditions
    ("max_digits", "*"),  # of a number that is not too large, but too long
    ("max_decimal_places", "*"),
    ("max_value", "position"),  # beyond the end of the list
    ("unsupported_type", "file"),  # its content tells
]
"""Codes and attributes of refusals of values that a schema cannot tell from good ones."""


def load(*, examples: int, has_coverage: bool) -> Any:
    """Return the API's description with schemathesis' settings for one run."""
    generation = {"max-examples": examples, "deterministic": True, "no-shrink": True}
    phases = {"coverage": {"enabled": has_coverage}, "stateful": {"enabled": False}}
    config = SchemathesisConfig.from_dict({"generation": generation, "phases": phases, "checks": CHECKS})
    schema = schemathesis.openapi.from_path(str(ROOT / "docs/openapi.yaml"), config=config)
    schema.app = get_wsgi_application()
    schema.hook(filter_failure)
    return schema


def filter_failure(context: HookContext, failure: Failure, case: schemathesis.Case, response: Response) -> bool:
    """Keep every failure but the refusal of what only looks right to a schema, and of what a change may leave out."""
    if isinstance(failure, AcceptedNegativeData) and case.method == "PATCH":
        return "Missing required property" not in failure.message  # objects within are merged as the whole is
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    return not all(is_beyond_schemas(error) for error in json.loads(response.content)["errors"])


def is_beyond_schemas(error: dict[str, Any]) -> bool:
    return any(fnmatch(error["code"], code) and fnmatch(error["attr"] or "", attr) for code, attr in BEYOND_SCHEMAS)


FEW = load(examples=2, has_coverage=False)
MANY = load(examples=50, has_coverage=True)


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Let requests leave the test's connection open, as those of Django's own test client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def play(case: Any, account: Account, role: Role) -> None:
    """Send one case for rows of the account, check the answer against the schema, and take back what it did."""
    with undone():
        key = client_for(account, role).api_key.plain_key
        parts = case.meta.components.items()
        is_path_right = all(part.mode.is_positive for place, part in parts if place == ParameterLocation.PATH)
        if case.path in BY_PATH and is_path_right:
            case.path_parameters = {name: str(value) for name, value in sample(BY_PATH[case.path], account).items()}
        if case.meta.generation.mode.is_positive and isinstance(case.body, dict):
            for name in case.body.keys() & REFERENCES.keys():
                if isinstance(case.body[name], str):
                    case.body[name] = str(REFERENCES[name](account))
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"})


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@FEW.parametrize()
def test_a_few_cases(case: Any, account: Account) -> None:
    play(case, account, Role.ADMIN)


@pytest.mark.proof
@settings(deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("role", ROLES)
@MANY.parametrize()
def test_all_cases(case: Any, role: Role, account: Account) -> None:
    play(case, account, role)
