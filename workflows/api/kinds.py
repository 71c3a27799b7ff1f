"""What lists of kinds share: the same for all accounts, read by everyone who may read anything."""

from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import check_parameters
from accounts.api.views import AccountViewSet


class KindViewSet(AccountViewSet):
    """Kinds that this installation knows; they are classes, not rows."""

    lookup_url_kwarg = "slug"
    filter_backends = ()

    def kinds(self) -> Sequence[Any]:
        """Return the kinds asked for, in order."""
        raise NotImplementedError

    def find_kind(self, slug: str) -> Any:
        """Return the kind called `slug`, or raise Missing."""
        raise NotImplementedError

    def list(self, request: Request, **kwargs: Any) -> Response:
        check_parameters(request, self)
        page = self.paginate_queryset(self.kinds())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        check_parameters(request, self, is_list=False)
        return self.answer(self.find_kind(kwargs["slug"]))
