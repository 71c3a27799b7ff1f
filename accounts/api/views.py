"""Bases of every view: doors that check who asks, find rows of their account, and call one service."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Any, ClassVar

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts.api import idempotency, throttling
from accounts.api.authentication import Caller
from accounts.api.errors import is_contention
from accounts.api.etags import tag_of, wanted_tags
from accounts.api.filters import check_parameters
from accounts.api.identifiers import parse_uuid
from accounts.api.parsers import read_at_most
from accounts.api.refusals import LengthRequired
from accounts.models import Role
from accounts.problems import Missing, Stale
from accounts.tenancy import account_scope

MAXIMUM_REPEATS = 3


class AccountViewSet(GenericViewSet):
    """A viewset whose rows are the caller's account's and nobody else's.

    A subclass sets `queryset` (narrowed by `for_account()` here), `serializer_class` (what is answered),
    `input_serializer_class` or `input_serializer_classes` by action where the body differs from the answer, and the
    roles (see `RolePermission`). Below another resource it sets `parent_queryset`, `parent_kwarg` (the name in the
    path) and `parent_field` (the field of its rows): the parent is found first, as `self.parent`, else 404.

    Fields that change by being looked at are named in `etag_exceptions`; actions that change nothing of the object and
    may take long in `unlocked_actions`. `holds_credentials` says that what POST answers must not be kept.
    """

    lookup_url_kwarg = "id"
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    read_role: ClassVar[Role] = Role.VIEWER
    write_role: ClassVar[Role] = Role.EDITOR
    action_roles: ClassVar[dict[str, Role]] = {}
    input_serializer_class: ClassVar[type[BaseSerializer] | None] = None
    input_serializer_classes: ClassVar[dict[str, type[BaseSerializer]]] = {}
    extra_query_parameters: ClassVar[tuple[str, ...]] = ()
    parent_queryset: ClassVar[QuerySet[Any] | None] = None
    parent_kwarg: ClassVar[str] = ""
    parent_field: ClassVar[str] = ""

    etag_exceptions: ClassVar[tuple[str, ...]] = ()
    unlocked_actions: ClassVar[tuple[str, ...]] = ()
    holds_credentials: ClassVar[bool] = False

    parent: Any = None
    scope: ExitStack
    allowance: throttling.Allowance | None = None
    claim: idempotency.Claim | None = None
    wanted_tags: Collection[str] | None = None

    @property
    def caller(self) -> Caller:
        caller = self.request.auth
        assert isinstance(caller, Caller), "the permission lets nobody else in"
        return caller

    def on_behalf(self) -> dict[str, Any]:
        """Return what every changing service wants to know of the caller: `account_id` and `actor`."""
        return {"account_id": self.caller.account_id, "actor": self.caller.actor}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.parent_queryset is not None:
            self.parent = self.find(self.parent_queryset.all(), self.kwargs[self.parent_kwarg])
        if request.method not in SAFE_METHODS:
            accept_chunked_body(request._request)  # noqa: SLF001 - DRF has no other way to it
            request.data  # noqa: B018 - a body that cannot be read is refused even where none is needed
            self.wanted_tags = wanted_tags(request)

    def perform_authentication(self, request: Request) -> None:
        """Enter the caller's account, and count every request whose account is known, also one that is refused."""
        super().perform_authentication(request)
        if isinstance(request.auth, Caller):
            self.scope.enter_context(account_scope(request.auth.account_id))
            self.allowance = throttling.count_request(request.auth.account)
            self.allowance.require()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let the caller in, then answer within the caller's account."""
        with ExitStack() as self.scope:
            return self.dispatch_once(request, *args, **kwargs)

    def dispatch_once(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; a POST with an `Idempotency-Key` is carried out once."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        response: HttpResponseBase
        try:
            self.require_method(self.request)
            self.initial(self.request, *args, **kwargs)
            self.claim, earlier_answer = idempotency.begin(self.request, self.caller.account_id)
        except Exception as exception:  # noqa: BLE001 - as DRF does
            response = self.handle_exception(exception)
        else:
            response = earlier_answer or self.attempt()
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        if self.claim:
            self.claim.settle(self.response, holds_credentials=self.holds_credentials)
        return self.response

    def require_method(self, request: Request) -> None:
        """Refuse what cannot be done here, whoever asks and whatever the body is."""
        method = (request.method or "").lower()
        if method not in self.http_method_names or not hasattr(self, method):
            self.http_method_not_allowed(request)

    def attempt(self) -> HttpResponseBase:
        """Call the handler; repeat it when it lost to a concurrent transaction: its own was rolled back as a whole."""
        handler = getattr(self, (self.request.method or "").lower(), self.http_method_not_allowed)
        repeats = 0
        while True:
            try:
                return self.carry_out(handler)
            except Exception as exception:  # noqa: BLE001 - as DRF does
                if repeats == MAXIMUM_REPEATS or connection.in_atomic_block or not is_contention(exception):
                    return self.handle_exception(exception)
                repeats += 1

    def carry_out(self, handler: Callable[..., HttpResponseBase]) -> HttpResponseBase:
        """Call the handler, if `If-Match` lets it."""
        if self.wanted_tags is None:
            return handler(self.request, *self.args, **self.kwargs)
        try:
            with self.unless_stale(self.wanted_tags):
                return handler(self.request, *self.args, **self.kwargs)
        except Stale:
            if self.request.method in ("POST", "PUT", "PATCH"):
                self.validated(
                    partial=self.request.method == "PATCH"
                )  # what is wrong anyway comes first: RFC 9110, 13.2
            raise

    @contextmanager
    def unless_stale(self, wanted: Collection[str]) -> Iterator[None]:
        """Hold the object in the path for a change, or raise Stale unless its ETag is among those wanted."""
        if not self.has_etag():
            raise Stale("This address has no ETag; leave If-Match out.")
        if self.action in self.unlocked_actions:
            self.require_tag(wanted)
            yield
            return
        with transaction.atomic():
            self.lock(self.get_object())
            self.require_tag(wanted)
            yield

    def require_tag(self, wanted: Collection[str]) -> None:
        instance = self.get_object()
        if self.etag(instance, self.get_serializer(instance).data) not in wanted:
            raise Stale

    def has_etag(self) -> bool:
        """Tell whether changes at this address can be guarded by `If-Match`."""
        return self.detail is not False

    def lock(self, instance: Any) -> None:
        """Lock the object's row, and its parent's before it, until the transaction ends."""
        for row in (self.parent, instance):
            if row is not None:
                list(type(row).objects.select_for_update(no_key=True).filter(pk=row.pk).values_list("pk"))

    def find(self, queryset: QuerySet[Any], identifier: Any) -> Any:
        """Return the row of the caller's account with this id; a missing, foreign or malformed id is `Missing`."""
        found = parse_uuid(str(identifier))
        row = queryset.for_account(self.caller.account_id).filter(pk=found).first() if found else None  # type: ignore[attr-defined]
        if row is None:
            raise Missing
        return row

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        queryset = queryset.for_account(self.caller.account_id)  # type: ignore[attr-defined]
        return queryset.filter(**{self.parent_field: self.parent}) if self.parent is not None else queryset

    def get_object(self) -> Any:
        return self.find(self.get_queryset(), self.kwargs[self.lookup_url_kwarg])

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["account_id"] = self.caller.account_id
        return context

    def get_input_serializer_class(self) -> Any:
        """Return the serializer of the body of this action."""
        specific = self.input_serializer_classes.get(self.action or "")
        return specific or self.input_serializer_class or self.get_serializer_class()

    def validated(
        self, serializer_class: type[BaseSerializer] | None = None, *, instance: Any = None, partial: bool = False
    ) -> dict[str, Any]:
        """Return what the body holds, checked by the action's input serializer (or the one given)."""
        wanted = serializer_class or self.get_input_serializer_class()
        serializer = wanted(instance, data=self.request.data, partial=partial, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def answer(self, instance: Any, status_code: int = status.HTTP_200_OK) -> Response:
        """Answer one object as `serializer_class` writes it."""
        data = self.get_serializer(instance).data
        return Response(data, status=status_code, headers={"ETag": self.etag(instance, data)})

    def etag(self, instance: Any, data: Mapping[str, Any]) -> str:
        """Return the entity tag of an object that is answered as `data`."""
        return tag_of({name: value for name, value in data.items() if name not in self.etag_exceptions})

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.allowance is not None:
            for name, value in self.allowance.headers().items():
                response[name] = value
        return response


def accept_chunked_body(request: HttpRequest) -> None:
    """Make a JSON body sent in chunks readable, up to the limit; Django and DRF would see an empty one."""
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    if not request.META.get("wsgi.input_terminated") or not (request.content_type or "").endswith("json"):
        raise LengthRequired
    body = read_at_most(request.META["wsgi.input"])
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)  # noqa: SLF001 - Django has no other way in


class ListMixin(ListModelMixin):
    """`GET` of the list, by filters, search, ordering and page."""


class RetrieveMixin:
    """`GET` of one object."""

    def retrieve(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        check_parameters(request, self, is_list=False)
        return self.answer(self.get_object())


class CreateMixin:
    """`POST`: the subclass's `perform_create` calls the service and returns the new row."""

    def create(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.perform_create(self.validated()), status.HTTP_201_CREATED)

    def perform_create(self, data: dict[str, Any]) -> Model:
        raise NotImplementedError


class UpdateMixin:
    """`PATCH`: the subclass's `perform_update` calls the service with the fields that were sent and returns the row."""

    def partial_update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        instance = self.get_object()
        return self.answer(self.perform_update(instance, self.validated(instance=instance, partial=True)))

    def perform_update(self, instance: Any, data: dict[str, Any]) -> Model:
        raise NotImplementedError


class DestroyMixin:
    """`DELETE`: the subclass's `perform_destroy` calls the service; answers 204."""

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.perform_destroy(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_destroy(self, instance: Any) -> None:
        raise NotImplementedError
