"""Headers that tell browsers what to refuse."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

API_PREFIX = "/api/"
ADMIN_PREFIX = "/admin/"
LOGIN_PATH = "/admin/login/"
NOTHING = {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}


class HeadersMiddleware(CSPMiddleware):
    """Sets Content-Security-Policy, by the part of the site, and Permissions-Policy.

    Pages may load from us alone and run no inline script. The admin may evaluate, which Alpine needs, but not its
    login. Answers of the API are no pages and may load nothing. A view that sets the header itself is left alone.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if report_only:
            return parts
        path = request.path_info
        if path.startswith(API_PREFIX):
            parts.config = NOTHING
        elif path.startswith(ADMIN_PREFIX) and path != LOGIN_PATH:
            parts.config = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | settings.ADMIN_CONTENT_SECURITY_POLICY
        return parts
