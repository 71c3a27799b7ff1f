"""The action `webhook_call`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.actors import Actor
from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed
from workflows.actions.outside import (
    ErrorClass,
    Lane,
    OutcomeUnknown,
    OutsideType,
    Performed,
    Permanent,
    Prepared,
    Request,
    Retryable,
    RetryPolicy,
)
from workflows.actions.registry import registry
from workflows.actions.set_based import Unfit, rendered
from workflows.actions.webhook_answers import AnswerBody, ResponseMapping, checked_mappings, done
from workflows.actions.webhook_auth import (
    AUTH_PARTS,
    NO_LONGER_THERE,
    AuthConfig,
    Credentials,
    SecretsInUse,
    auth_with_ids,
    check_auth,
)
from workflows.configs.fields import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ListField,
    TemplateField,
    TemplateJsonField,
)
from workflows.configs.hints import Hint
from workflows.configs.references import ReferenceField
from workflows.configs.web import LINE_BREAK, HeadersField, UrlTemplateField
from workflows.crm.refusals import Refused
from workflows.crm.services.contacts import FieldChange, update_contacts
from workflows.crm.services.contacts.reading import FieldReader
from workflows.messaging import outbound
from workflows.messaging.services.signing_secrets import signing_secret_id
from workflows.messaging.signing import InvalidSigningSecret, signature_headers
from workflows.templating import RenderProblem, TemplateProblem, render_structure

logger = structlog.get_logger(__name__)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
URL_LENGTH = 2048
HEADER_LENGTH = 2048
HOST_LENGTH = 255
PAYLOAD_BYTES = 1024 * 1024
MAXIMUM_MAPPINGS = 20
FIRST_DELAY = timedelta(seconds=1)
REPEATED = frozenset({ErrorClass.TIMEOUT, ErrorClass.NETWORK, ErrorClass.UNAVAILABLE, ErrorClass.OUTCOME_UNKNOWN})
UNUSABLE_REDIRECTS = frozenset({"invalid_config", "rejected"})


@registry.register
class WebhookCall(OutsideType):
    """Call a web service, signed as Standard Webhooks has it.

    Every attempt carries the same `webhook-id`, so that a receiver can recognise a repetition, and a fresh
    `webhook-timestamp` and `webhook-signature`, made with the account's secret `webhook_signing` unless the step names
    another. At most 3 redirects are followed; internal addresses are refused, also behind redirects and names. A 2xx
    answer completes the step. Time-outs, broken connections and 5xx are tried again after 1, 2, 4, … seconds, 429 until
    24 hours are over; `Retry-After` is kept. 401 and 403 fail as `authentication`, other answers as `rejected`.
    """

    slug = "webhook_call"
    label = "Call a webhook"
    category = Category.INTERNAL
    icon = "webhook"
    example = {
        "url": "https://api.acme.example/leads",
        "method": "POST",
        "headers": {"X-Source": "{{ workflow.name }}"},
        "payload": {"email": "{{ contact.email }}", "name": "{{ contact.first_name }}", "score": 10},
        "response_mapping": [{"path": "data.id", "to": "lead_id"}],
    }
    results = {
        "status_code": "The answer's status.",
        "duration_ms": "How long the call took, in milliseconds.",
        "body": "The answer's body, as JSON where it is JSON, where `store_response` is set; at most 64 KB.",
        "contact": "Values of the answer that were meant for the contact; one that does not fit its field is left out.",
    }
    events = ("contact_updated", "custom_field_changed", "contact_assigned")
    secret_fields = ("auth_config",)
    lane = Lane.HTTP
    honours_keys = True
    in_trial = {"store_response": True}

    class Config(ActionConfig):
        size_limit = PAYLOAD_BYTES
        hints = {
            "headers": Hint(suggest="headers"),
            "auth_config": Hint(shown_when={"auth_type": ("basic", "bearer", "api_key")}, label="Credentials"),
            "max_retries": Hint(shown_when={"retry_on_failure": (True,)}),
        }

        url = UrlTemplateField(
            max_length=URL_LENGTH,
            help_text="http or https address, ≤ 2048 characters when rendered. Values in it want `| url_encode`.",
        )
        method = ChoiceField(METHODS, help_text="The request's method.")
        headers = HeadersField(
            child=TemplateField(max_length=HEADER_LENGTH, help_text="A header's value."),
            max_length=20,
            required=False,
            help_text="Further headers, ≤ 20; not those of the connection, not `webhook-*`, no credentials.",
        )
        payload = TemplateJsonField(
            max_bytes=PAYLOAD_BYTES,
            required=False,
            help_text="Object or list sent as JSON, ≤ 1 MB when rendered; Liquid works inside its texts.",
        )
        auth_type = ChoiceField(list(AUTH_PARTS), default="none", help_text="How to authenticate.")
        auth_config = AuthConfig(
            required=False,
            write_only=True,
            help_text=(
                "basic: `username`, `password`; bearer: `token`; api_key: `header`, `value`. Never shown again; "
                "what is not sent stays as it is until `auth_type` changes."
            ),
        )
        signing_secret_id = ReferenceField(
            "secret", required=False, help_text="The secret to sign with; default: the account's `webhook_signing`."
        )
        timeout_seconds = IntegerField(
            min_value=1, max_value=120, default=30, help_text="When to give up waiting, redirects included."
        )
        retry_on_failure = BooleanField(default=True, help_text="Whether a failed call is tried again.")
        max_retries = IntegerField(
            min_value=0, max_value=5, default=3, help_text="How often; being throttled (429) does not count."
        )
        store_response = BooleanField(default=False, help_text="Whether the answer's body becomes part of the result.")
        response_mapping = ListField(
            child=ResponseMapping(),
            max_length=MAXIMUM_MAPPINGS,
            required=False,
            help_text="Values of a JSON answer to keep, ≤ 20; null where there is none or it has more than 8 KB.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            check_auth(attrs["auth_type"], attrs.get("auth_config"))
            if "response_mapping" in attrs:
                mappings = checked_mappings(attrs["response_mapping"], account_id=self.account_id)
                attrs = attrs | {"response_mapping": mappings}
            return attrs

    def keep_secrets(
        self, config: dict[str, Any], stored: Mapping[str, Any], *, account_id: UUID, actor: Actor
    ) -> dict[str, Any]:
        if "signing_secret_id" not in config:
            signing_secret_id(account_id=account_id, actor=actor)
        auth_type = config.get("auth_type", "none")
        if auth_type == "none":
            return config
        kept = stored.get("auth_config", {}) if stored.get("auth_type") == auth_type else {}
        auth = auth_with_ids(
            auth_type,
            config.get("auth_config", {}),
            kept,
            account_id=account_id,
            actor=actor,
            label=f"{self.slug} {auth_type} {uuid7()}",
        )
        return {**config, "auth_config": auth}

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        secrets = SecretsInUse(steps.config, account_id=steps.account.id, actor=steps.actor)
        if not secrets.are_there:
            failed = Failed(ErrorClass.INVALID_CONFIG, NO_LONGER_THERE, {"code": "secret_not_found"})
            return [failed] * len(steps)
        prepared: list[Prepared] = []
        for step in steps:
            try:
                prepared.append(request_of(step, steps, secrets))
            except (Unfit, RenderProblem, TemplateProblem) as problem:
                prepared.append(Failed(ErrorClass.INVALID_CONFIG, str(problem)))
            except outbound.NotSent as problem:
                prepared.append(Failed(ErrorClass.INVALID_CONFIG, problem.message))
        return prepared

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done:
        body = None if payload["body"] is None else payload["body"].encode()
        credentials = Credentials.of(payload)
        headers = credentials.added_to(payload["headers"])
        try:
            headers |= signature_headers(
                secrets=[credentials.signing.reveal()], message_id=str(key), at=timezone.now(), body=body or b""
            )
        except InvalidSigningSecret as error:
            raise Permanent(ErrorClass.INVALID_CONFIG, str(error), result={"code": "invalid_signing_secret"}) from None
        try:
            answer = outbound.request(
                payload["method"],
                payload["url"],
                headers=headers,
                body=body,
                timeout_seconds=payload["timeout_seconds"],
            )
        except outbound.SentUnknown as error:
            if error.error_class in UNUSABLE_REDIRECTS:
                raise Permanent(ErrorClass(error.error_class), error.message) from error
            raise OutcomeUnknown(error.message, error_class=ErrorClass(error.error_class)) from error
        except outbound.NotSent as error:
            error_class = ErrorClass(error.error_class)
            raise (Retryable if error_class in REPEATED else Permanent)(error_class, error.message) from error
        return done(payload, answer, AnswerBody(answer, credentials.texts()))

    def record_many(self, calls: Sequence[Performed], *, account_id: UUID, now: datetime) -> None:
        """Write what the answers hold for contacts; a value that does not fit its field is left out."""
        by_actor: dict[Actor, list[FieldChange]] = defaultdict(list)
        for call in calls:
            values = call.outcome.result.get("contact") if isinstance(call.outcome, Done) else None
            if values and call.step.batch is not None:
                by_actor[call.step.batch.actor].append(FieldChange(call.step.contact, values, call.step.cause))
        for actor, changes in by_actor.items():
            reader = FieldReader.load(account_id=account_id, items=[change.values for change in changes])
            for change in changes:
                unfit = {problem.attr for problem in reader.read(change.values)[1]}
                change.values = {name: value for name, value in change.values.items() if name not in unfit}
                if unfit:
                    logger.info(
                        "webhook_value_left_out", contact_id=str(change.contact.id), fields=sorted(map(str, unfit))
                    )
            answers = update_contacts(account_id=account_id, actor=actor, changes=changes, now=now)
            for change, answer in zip(changes, answers, strict=True):
                if isinstance(answer, Refused):
                    logger.info(
                        "webhook_values_refused", contact_id=str(change.contact.id), fields=sorted(change.values)
                    )

    def retry_policy(self, config: Mapping[str, Any], error_class: ErrorClass) -> RetryPolicy | None:
        if not config["retry_on_failure"]:
            return RetryPolicy(maximum=0)
        return RetryPolicy(maximum=config["max_retries"], base=FIRST_DELAY) if error_class in REPEATED else None

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(f"{config.get('method', '')} {config.get('url', '')}")


def request_of(step: Step, steps: StepBatch, secrets: SecretsInUse) -> Request:
    """Return one contact's call, without secrets. Raises Unfit, RenderProblem or NotSent."""
    config = steps.config
    url = rendered(step, config["url"], field="url", limit=URL_LENGTH, required=True)
    target = outbound.checked_target(url)
    headers = {}
    for name, source in config.get("headers", {}).items():
        value = headers[name] = rendered(step, source, field=f"headers.{name}", limit=HEADER_LENGTH)
        if LINE_BREAK.search(value):
            raise Unfit(f"headers.{name} contains a line break or another control character after rendering.")
    body = None
    if "payload" in config:
        body = orjson.dumps(render_structure(config["payload"], step.context(), limit=PAYLOAD_BYTES))
        if len(body) > PAYLOAD_BYTES:
            raise Unfit(f"payload has {len(body)} bytes after rendering; {PAYLOAD_BYTES} fit.")
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
    call = {
        "account_id": str(steps.account.id),
        "method": config["method"],
        "url": url,
        "headers": headers,
        "body": body and body.decode(),
        "auth_type": config["auth_type"],
        "auth": config.get("auth_config", {}),
        "secrets": secrets.named,
        "timeout_seconds": config["timeout_seconds"],
        "store_response": config["store_response"],
        "response_mapping": config.get("response_mapping", []),
    }
    shown = {"method": config["method"], "url": url, "headers": sorted(headers), "payload_bytes": len(body or b"")}
    return Request(call, host=target.authority[:HOST_LENGTH], data=shown)
