"""What people do to a row beyond changing its fields: buttons on its page, and actions on its list.

    operations = (
        Operation(
            name="cancel", label="Cancel", icon="block", done="Cancelled",
            carry_out=lambda acting, row, data: operations.cancel(**acting.on_behalf(), execution_id=row.id, now=…),
            is_offered=lambda row: row.status not in ENDED_STATUSES, is_bulk=True,
        ),
    )

`carry_out` calls one service; a text that it returns is shown instead of `done`, a response is answered as it is, and a
`Shown` appears below the form.
With a `form_class` (an `OperationForm`) the button leads to a page that asks; its cleaned values are `data`. Everything
is done by POST, by those who have `role` in the row's account; refusals become messages, or errors at their fields.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_protect

from accounts.admin.forms import OperationForm
from accounts.admin.lists import carry_out_on_each
from accounts.admin.staff import Acting
from accounts.models import Role
from accounts.problems import Conflict, Forbidden, Invalid, Missing, Stale


def always(row: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One verb of a row; `name` is its address and unique on the page.

    `is_offered` tells whether the button is shown for a row; the service decides anyhow. `is_bulk` puts it among the
    actions of the list, too (only without a form). `is_atomic` is unset where the service talks to the outside.
    """

    name: str
    label: str
    carry_out: Callable[[Acting, Any, dict[str, Any]], Any]
    done: str
    icon: str = "bolt"
    role: Role = Role.EDITOR
    form_class: type[OperationForm] | None = None
    question: str = ""
    is_offered: Callable[[Any], bool] = always
    is_bulk: bool = False
    is_atomic: bool = True
    is_dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What an operation found out, as a template to show below its form."""

    template_name: str
    context: dict[str, Any]


class OperationsMixin:
    """The operations of an `AccountScopedAdmin`."""

    operations: ClassVar[Sequence[Operation]] = ()

    def get_urls(self: Any) -> list[Any]:
        own = [
            path(
                f"<path:object_id>/{operation.name}/",
                self.admin_site.admin_view(self.operation_view(operation)),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{operation.name}",
            )
            for operation in self.operations
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def operation_view(self: Any, operation: Operation) -> Callable[..., HttpResponseBase]:
        @csrf_protect
        def view(request: HttpRequest, object_id: str) -> HttpResponseBase:
            row = self.get_object(request, unquote(object_id))
            if not self.has_view_permission(request, row) or not self.is_allowed(request, operation.role, row):
                raise PermissionDenied
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return self.operate(request, operation, row)

        return view

    def operate(self: Any, request: HttpRequest, operation: Operation, row: Any) -> HttpResponseBase:
        page = HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        )
        form = self.operation_form(operation, row, request)
        if request.method != "POST" or not form.is_valid():
            return self.ask(request, operation, row, form)
        try:
            answer = self.carry_out(operation, self.acting(request, row), row, form.cleaned_data)
        except Invalid as refusal:
            form = self.operation_form(operation, row, request, refusals=refusal.problems)
            answer = self.ask(request, operation, row, form)
        except Missing:
            answer = self._get_obj_does_not_exist_redirect(request, self.opts, str(row.pk))
        except (Conflict, Stale, Forbidden) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return page
        if isinstance(answer, Shown):
            answer = self.ask(request, operation, row, form, answer)
        if isinstance(answer, HttpResponseBase):
            return answer
        self.message_user(request, answer if isinstance(answer, str) else f"{operation.done}.", messages.SUCCESS)
        return page

    def carry_out(self, operation: Operation, acting: Acting, row: Any, data: dict[str, Any]) -> Any:
        if not operation.is_atomic:
            return operation.carry_out(acting, row, data)
        with transaction.atomic():
            return operation.carry_out(acting, row, data)

    def operation_form(
        self: Any, operation: Operation, row: Any, request: HttpRequest, refusals: Sequence[Any] = ()
    ) -> OperationForm:
        attributes = {"account_id": self.account_of(row), "row": row, "refusals": refusals}
        form_class = type("Form", (operation.form_class or OperationForm,), attributes)
        is_sent = request.method == "POST"
        return form_class(request.POST if is_sent else None, request.FILES if is_sent else None)

    def ask(
        self: Any, request: HttpRequest, operation: Operation, row: Any, form: OperationForm, shown: Shown | None = None
    ) -> HttpResponse:
        """Show the form of an operation, or the question whether to do it."""
        context = self.admin_site.each_context(request) | {
            "title": operation.label,
            "subtitle": self.title_of(row),
            "operation": operation,
            "form": form,
            "original": row,
            "opts": self.opts,
            "media": self.media + form.media,
            "shown": shown.template_name if shown else None,
        }
        return TemplateResponse(request, "admin/operation.html", context | (shown.context if shown else {}))

    def offered_operations(self: Any, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """Return the buttons for a row: those that its state and the person's role allow."""
        return [
            {
                "operation": operation,
                "address": reverse(
                    f"admin:{self.opts.app_label}_{self.opts.model_name}_{operation.name}", args=[row.pk]
                ),
                "asks": operation.form_class is not None or bool(operation.question),
            }
            for operation in self.operations
            if operation.is_offered(row) and self.is_allowed(request, operation.role, row)
        ]

    def get_actions(self: Any, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)  # type: ignore[misc]
        for operation in self.operations:
            if operation.is_bulk and self.is_allowed(request, operation.role):
                actions[operation.name] = (bulk_action(operation), operation.name, f"{operation.label} selected")
        return actions


def bulk_action(operation: Operation) -> Callable[..., None]:
    """Return an action of a list that carries the operation out on each row."""

    def act(model_admin: Any, request: HttpRequest, rows: Any) -> None:
        carry_out_on_each(
            model_admin,
            request,
            rows,
            lambda row: operation.carry_out(model_admin.acting(request, row), row, {}),
            allowed=lambda row: model_admin.is_allowed(request, operation.role, row),
            done=operation.done,
        )

    return act
