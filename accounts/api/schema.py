"""How the API describes itself in OpenAPI."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.plumbing import build_basic_type, build_parameter_type
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema
from rest_framework import serializers

from accounts.api.filters import NO_NUL
from accounts.api.serializers import Strictness
from accounts.api.views import AccountViewSet


class ErrorSerializer(serializers.Serializer):
    """One thing that is wrong."""

    code = serializers.CharField(help_text="Stable name of the problem, for programs.")
    detail = serializers.CharField(help_text="What is wrong and how to mend it, for people.")
    attr = serializers.CharField(allow_null=True, help_text="Dotted path of the field, e.g. `settings.timezone`.")


class ErrorResponseSerializer(serializers.Serializer):
    """The answer to every request that is refused or fails."""

    type = serializers.ChoiceField(
        choices=["validation_error", "client_error", "server_error"], help_text="Who has to act, and how."
    )
    errors = ErrorSerializer(many=True, help_text="At least one.")  # type: ignore[assignment]  # the name is given


class ApiSchema(AutoSchema):
    """Takes bodies from the view's input serializers; every operation lists the errors it can answer."""

    def get_request_serializer(self) -> Any:
        if isinstance(self.view, AccountViewSet):
            serializer_class = self.view.get_input_serializer_class()
            return serializer_class(context=self.view.get_serializer_context())
        return super().get_request_serializer()

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        """Say also that a list or a map may not be empty, and which texts a regular expression lets pass."""
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if direction == "request" and not getattr(field, "allow_empty", True):
            schema.setdefault("minItems" if schema.get("type") == "array" else "minProperties", 1)
        return schema

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        """Say also that texts to look for have no NUL in them."""
        parameters: list[dict[str, Any]] = super()._get_filter_parameters()
        for parameter in parameters:
            if parameter["schema"] == {"type": "string"}:
                parameter["schema"] = {"type": "string", "pattern": NO_NUL}
        return parameters

    def get_override_parameters(self) -> list[Any]:
        """Name the headers that writes take; `share_error_responses` describes each once."""
        if not isinstance(self.view, AccountViewSet) or self.method == "GET":
            return []
        names = ["Idempotency-Key"] if self.method == "POST" else []
        names += ["If-Match"] if self.view.has_etag() else []
        return [OpenApiParameter(name=name, location=OpenApiParameter.HEADER) for name in names]

    def _should_add_error_response(self, responses: dict[str, Any], status_code: str) -> bool:  # noqa: PLR0911 - a table
        if status_code in responses:
            return False
        is_write = self.method in ("POST", "PUT", "PATCH", "DELETE")
        match status_code:
            case "401":
                return self._should_add_http401_error_response()
            case "403":
                return self._should_add_http403_error_response()
            case "404":
                return "{" in self.path
            case "400":
                return is_write or self._is_list_view()
            case "412":
                return is_write and isinstance(self.view, AccountViewSet) and self.view.has_etag()
            case "409" | "413" | "415":
                return is_write
            case _:
                return True

    def _get_error_response_serializer(self, status_code: str) -> Any:
        return ErrorResponseSerializer

    def _get_error_response_examples(self) -> list[Any]:
        return []

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        """Describe ids as UUIDs; a path never has anything to guess from a model."""
        return [
            build_parameter_type(
                name=variable,
                location=OpenApiParameter.PATH,
                schema=build_basic_type(
                    OpenApiTypes.UUID if variable == "id" or variable.endswith("_id") else OpenApiTypes.STR
                )
                or {},
            )
            for variable in variables
        ]


class StrictnessExtension(OpenApiSerializerExtension):
    """Bodies take no other keys than the fields', which is worth saying."""

    target_class = "accounts.api.serializers.Strictness"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001 - as drf-spectacular's documentation has it
        return closed(schema, self.target) if direction == "request" else schema


def closed(schema: dict[str, Any], serializer: Strictness) -> dict[str, Any]:
    """Return the schema of a body that takes no other keys, with the serializer's example."""
    return schema | {"additionalProperties": False} | ({"example": serializer.example} if serializer.example else {})


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of the account."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.MemberSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A signed-in member; changes need the CSRF token, `X-Account-ID` picks the account.",
        }


class AccountRelatedFieldExtension(OpenApiSerializerFieldExtension):
    target_class = "accounts.api.serializers.AccountRelatedField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


REQUEST_HEADERS = {
    "Idempotency-Key": {
        "description": "1 to 255 visible ASCII characters, new for each new request. The same request sent again with"
        " its key within 24 hours is not carried out again but answered alike; another one answers 409"
        " `idempotency_key_reused`, one that is still under way 409 `idempotency_in_progress`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "If-Match": {
        "description": "ETags that were answered for the object, or `*`: the change is made only if it is still as it"
        " was, else 412. What is added to a workflow or moved in it takes the workflow's.",
        "schema": {"type": "string"},
        "example": "*",
    },
}
ANSWER_HEADERS = {
    "ETag": {"description": "What `If-Match` of a change takes.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` on the kept answer to a request that was carried out before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RateLimit-Limit": {"description": "Requests that the account may make in 10 s.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many of them are left.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are back.", "schema": {"type": "integer"}},
}
RATE_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
CHALLENGE = {"WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}}
ERROR_RESPONSES: dict[str, dict[str, Any]] = {
    "400": {"name": "Invalid", "description": "What was sent cannot be accepted; nothing was changed."},
    "401": {"name": "Unauthenticated", "description": "There is no credential, or a bad one.", "headers": CHALLENGE},
    "403": {"name": "Forbidden", "description": "The caller's role does not reach this far."},
    "404": {"name": "NotFound", "description": "Something in the path does not exist in this account."},
    "409": {"name": "Conflict", "description": "Not possible in the present state; nothing was changed."},
    "412": {"name": "Stale", "description": "The object is another by now than `If-Match` says."},
    "413": {"name": "TooLarge", "description": "The body is too large."},
    "415": {"name": "UnsupportedMediaType", "description": "The body has another content type than the route takes."},
    "429": {"name": "Throttled", "description": "Too many requests.", "headers": RETRY_AFTER},
    "503": {"name": "Unavailable", "description": "The database is away; try again.", "headers": RETRY_AFTER},
}


def share_error_responses(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe each kind of error once and refer to it; called by drf-spectacular when a schema is complete."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
    for path in result["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            for status in ERROR_RESPONSES.keys() & responses.keys():
                if responses[status].get("content") == content:
                    responses[status] = {"$ref": f"#/components/responses/{ERROR_RESPONSES[status]['name']}"}
            operation["responses"] = dict(sorted(responses.items()))
    result["components"]["responses"] = {
        response["name"]: {key: value for key, value in response.items() if key != "name"} | {"content": content}
        for response in ERROR_RESPONSES.values()
    }
    return result


def share_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe each header once and refer to it; called by drf-spectacular when a schema is complete."""
    components = result["components"]
    components["headers"] = ANSWER_HEADERS
    components["parameters"] = {
        name: {"name": name, "in": "header", **header} for name, header in REQUEST_HEADERS.items()
    }
    for path in result["paths"].values():
        for method, operation in path.items():
            parameters = [
                {"$ref": f"#/components/parameters/{each['name']}"} if each["name"] in REQUEST_HEADERS else each
                for each in operation.get("parameters", [])
            ]
            if parameters:
                operation["parameters"] = parameters
            for response in operation["responses"].values():
                if "$ref" not in response:
                    add_headers(response, headers_of(response, method, components["schemas"]))
    for status, response in ERROR_RESPONSES.items():
        if status != "401":
            add_headers(components["responses"][response["name"]], RATE_LIMITS)
    return result


def headers_of(response: dict[str, Any], method: str, schemas: dict[str, Any]) -> list[str]:
    """Return the names of the headers of a success: an ETag where it is one object."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    is_object = "id" in schemas.get(schema.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
    return [*(["ETag"] if is_object else []), *(["Idempotency-Replayed"] if method == "post" else []), *RATE_LIMITS]


def add_headers(response: dict[str, Any], names: Iterable[str]) -> None:
    references = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    response["headers"] = {**response.get("headers", {}), **references}
