"""Narrowing lists: only by what a view declares, and a parameter nobody knows is an error, not ignored."""

import difflib
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request

from accounts.api.refusals import InvalidFilter
from accounts.problems import Problem

MAXIMUM_SEARCH_LENGTH = 200
MAXIMUM_SEARCH_WORDS = 8
NO_NUL = "^[^\\u0000]*$"


def unknown_parameter(name: str, known: set[str]) -> Problem:
    """Return the problem of a parameter that the list does not take."""
    guesses = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {guesses[0]}?" if guesses else f"known are {', '.join(sorted(known)) or 'none'}."
    shown = name[:50].encode("ascii", "backslashreplace").decode()
    return Problem("invalid_filter", f"There is no parameter {shown}; {hint}", shown)


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter that refuses unknown parameters and unusable values.

    A view names parameters that it reads by itself in `extra_query_parameters`.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        check_parameters(request, view, filterset)
        if filterset is None:
            return queryset
        problems = [
            Problem("invalid_filter", f"{name} must not be empty; leave it out to filter by something else.", name)
            for name, values in request.query_params.lists()
            if "" in values and not isinstance(filterset.filters.get(name), django_filters.CharFilter | None)
        ]
        problems += [
            Problem("invalid_filter", f"{name}: {message}", name)
            for name, messages in filterset.errors.items()
            for message in messages
        ]
        if problems:
            raise InvalidFilter(*problems)
        return filterset.qs


def check_parameters(request: Request, view: Any, filterset: FilterSet | None = None, *, is_list: bool = True) -> None:
    """Refuse query parameters that the view does not know, and NUL in any of them."""
    known = set(getattr(view, "extra_query_parameters", ()))
    if is_list:
        known.update(getattr(getattr(view, "paginator", None), "parameters", ()))
    if is_list and getattr(view, "search_fields", None):
        known.add("search")
    if is_list and getattr(view, "ordering_fields", None):
        known.add("ordering")
    if filterset is not None:
        for name, field in filterset.form.fields.items():
            suffixes = getattr(field.widget, "suffixes", None) or [""]
            known.update(f"{name}_{suffix}" if suffix else name for suffix in suffixes)
    problems = [unknown_parameter(name, known) for name in request.query_params if name not in known]
    problems += [
        Problem("invalid_filter", f"{name} must not contain the NUL character.", name)
        for name, values in request.query_params.lists()
        if name in known and any("\0" in value for value in values)
    ]
    if problems:
        raise InvalidFilter(*problems)


class StrictBooleanField(forms.Field):
    """`true` or `false`; anything else is refused instead of ignored."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value in ("true", "false"):
            return value == "true"
        raise forms.ValidationError("Must be true or false.")


class BooleanFilter(django_filters.BooleanFilter):
    """A filter that takes `true` or `false`."""

    field_class = StrictBooleanField


class MomentField(IsoDateTimeField):
    """An RFC 3339 time, whatever its offset: the database knows fewer offsets than Python."""

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError("Must lie between the years 1 and 9999 in UTC.") from None


class MomentFilter(django_filters.IsoDateTimeFilter):
    """A filter that takes an RFC 3339 time."""

    field_class = MomentField


class ItemSearchFilter(SearchFilter):
    """`?search=` over the view's `search_fields`."""

    def get_search_terms(self, request: Request) -> Any:
        if len(request.query_params.get(self.search_param, "")) > MAXIMUM_SEARCH_LENGTH:
            detail = f"search must have at most {MAXIMUM_SEARCH_LENGTH} characters."
            raise InvalidFilter(Problem("invalid_filter", detail, "search"))
        words = super().get_search_terms(request)
        if len(words) > MAXIMUM_SEARCH_WORDS:
            detail = f"search must have at most {MAXIMUM_SEARCH_WORDS} words."
            raise InvalidFilter(Problem("invalid_filter", detail, "search"))
        return words

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        fields = getattr(view, "search_fields", None) or ()
        names = ", ".join(field.split("__")[-1] for field in fields)
        if not fields:
            return []
        description = f"Words to look for in {names}, at most {MAXIMUM_SEARCH_WORDS}; all must be found."
        return [text_parameter("search", description, maxLength=MAXIMUM_SEARCH_LENGTH, pattern=NO_NUL)]


class ItemOrderingFilter(OrderingFilter):
    """`?ordering=` over the view's `ordering_fields`, with the id as the last resort so that pages never overlap."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        listed = [name for name, _ in self.get_valid_fields(queryset, view)] if hasattr(view, "ordering_fields") else []
        wanted = [term.strip() for term in request.query_params.get(self.ordering_param, "").split(",") if term.strip()]
        for term in wanted:
            if term.removeprefix("-") not in listed:
                shown = term[:50].encode("ascii", "backslashreplace").decode()
                detail = f"ordering by {shown} is not offered; use {', '.join(listed)}, with - in front for descending."
                raise InvalidFilter(Problem("invalid_filter", detail, "ordering"))
        if not wanted:
            return self.get_default_ordering(view)
        return [*wanted, "-id"]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        fields = getattr(view, "ordering_fields", None) or ()
        description = f"Fields to sort by, separated by commas, with - in front for descending: {', '.join(fields)}."
        if not fields:
            return []
        term = f"-?({'|'.join(fields)})"
        return [text_parameter("ordering", description, pattern=f"^({term}(,{term})*)?$", example=f"-{fields[0]}")]


def text_parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }
