"""The base of every admin page of account rows: who sees which rows, and which services change them.

A page says what it is about, and defines the verbs that people have; a verb it leaves out is nobody's:

    @admin.register(Tag)
    class TagAdmin(AccountScopedAdmin):
        read_role, write_role = Role.VIEWER, Role.EDITOR          # the defaults: those of the API
        fields = ("name", "color")                                # or `form = …(StaffForm)` with fields of its own

        def perform_create(self, acting, data): return create_tag(**acting.on_behalf(), **data)
        def perform_change(self, acting, row, data): change_tag(**acting.on_behalf(), tag_id=row.id, **data)
        def perform_delete(self, acting, row): delete_tag(**acting.on_behalf(), tag_id=row.id)

`data` holds cleaned values by field: of a new row all, of a change those that were changed. `acting` is who does it, in
the object's account (`account_id`, `actor`, `role`, `user`). What the services raise becomes what the page says:
`Invalid` and `Conflict` errors at their fields, `Forbidden` 403, `Missing` the page of objects that are not there,
`Stale` a message; the transaction is rolled back as a whole. Foreign keys offer rows of the object's account alone.
Further verbs are operations (`accounts.admin.operations`); rows shown below the form are panels (`…panels`).
"""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin

from accounts.actors import Actor
from accounts.admin.forms import AccountAutocomplete, Refusals, StaffForm, choices_in
from accounts.admin.histories import HistoryMixin
from accounts.admin.lists import ListMixin
from accounts.admin.operations import OperationsMixin
from accounts.admin.panels import Panel
from accounts.admin.staff import Acting, log_account, staff_of
from accounts.api.identifiers import parse_uuid
from accounts.models import Role, User
from accounts.problems import Conflict, Forbidden, Invalid, Missing, Problem, Stale


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in member as an actor."""
    user = request.user
    assert isinstance(user, User)
    return Actor(label=str(user)[:200], user_id=user.id)


class AccountScopedAdmin(ListMixin, OperationsMixin, HistoryMixin, ModelAdmin):
    """Pages of rows that belong to accounts: staff see and change those of their accounts, as far as their role goes.

    Superusers are owner everywhere. `account_field` is the column that says whose a row is; `read_role` is the least
    role that sees rows, `write_role` the least that changes them (both in the row's own account).
    """

    account_field: ClassVar[str] = "account_id"
    read_role: ClassVar[Role] = Role.VIEWER
    write_role: ClassVar[Role] = Role.EDITOR
    form: type[forms.ModelForm] = StaffForm
    change_form_outer_before_template = "admin/operations.html"
    change_form_outer_after_template = "admin/panels.html"
    delete_confirmation_template = "admin/confirm_delete.html"
    view_on_site = False

    # What a page defines.

    def perform_create(self, acting: Acting, data: dict[str, Any]) -> Model:
        """Make a row of these values and return it."""
        raise NotImplementedError

    def perform_change(self, acting: Acting, row: Any, data: dict[str, Any]) -> Model | None:
        """Give the row these values."""
        raise NotImplementedError

    def perform_delete(self, acting: Acting, row: Any) -> None:
        """Take the row away."""
        raise NotImplementedError

    def get_panels(self, request: HttpRequest, row: Any) -> Sequence[Panel]:
        """Return what is shown below the form of a row."""
        return ()

    def account_of(self, row: Model) -> UUID:
        return getattr(row, self.account_field)

    def title_of(self, row: Any) -> str:
        """Return what the pages of a row call it."""
        return str(row)

    # Who may.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return staff_of(request).narrowed(rows, field=self.account_field, least=self.read_role)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            log_account(self.account_of(row))
        return row

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_allowed(request, self.read_role, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.defines("perform_create") and self.is_allowed(request, self.write_role)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.defines("perform_change") and self.is_allowed(request, self.write_role, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.defines("perform_delete") and self.is_allowed(request, self.write_role, obj)

    def is_allowed(self, request: HttpRequest, least: Role, obj: Model | None = None) -> bool:
        """Tell whether the person has the role in the object's account; without an object: in any account."""
        return staff_of(request).may(least, None if obj is None else self.account_of(obj))

    def defines(self, verb: str) -> bool:
        return getattr(type(self), verb) is not getattr(AccountScopedAdmin, verb)

    def acting(self, request: HttpRequest, row: Model) -> Acting:
        return staff_of(request).acting_in(self.account_of(row))

    # Forms.

    def account_for(self, request: HttpRequest, obj: Model | None) -> UUID | None:
        """Return the account of an object, or the one that a new object goes to; None: it has to be picked first."""
        if obj is not None:
            return self.account_of(obj)
        staff = staff_of(request)
        wanted = request.GET.get("account")
        account_id = parse_uuid(wanted) if wanted is not None else staff.chosen
        if account_id is None and wanted is None:
            own = list(staff.accounts(self.write_role).values_list("pk", flat=True)[:2])
            return own[0] if len(own) == 1 else None
        known = account_id and staff.accounts(self.write_role).filter(pk=account_id).exists()
        if not known and wanted is not None:
            raise Http404
        return account_id if known else None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        account_id = self.account_for(request, obj)
        request._form_account_id = account_id  # type: ignore[attr-defined]  # noqa: SLF001 - ours
        form_class = super().get_form(request, obj, change=change, **kwargs)
        assert issubclass(form_class, Refusals), "forms of the admin are StaffForms"
        form_class.account_id = account_id
        form_class.refusals = getattr(request, "_refusals", ())
        return form_class

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        account_id = getattr(request, "_form_account_id", None)
        model = db_field.remote_field.model
        kwargs["queryset"] = model._default_manager.none() if account_id is None else choices_in(model, account_id)  # noqa: SLF001
        if account_id and db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = AccountAutocomplete(db_field, self.admin_site, account_id)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # rows are made on their own pages
        return field

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if self.account_for(request, None) is None:
            return self.ask_for_account(request)
        return super().add_view(request, form_url, extra_context)

    def ask_for_account(self, request: HttpRequest) -> HttpResponse:
        """Show in which accounts a new object can be made."""
        accounts = staff_of(request).accounts(self.write_role)[:200]
        query = request.GET.copy()
        choices = []
        for account in accounts:
            query["account"] = str(account.pk)
            choices.append((account.name, f"?{query.urlencode()}"))
        context = self.admin_site.each_context(request) | {
            "title": f"Add {self.opts.verbose_name}",
            "opts": self.opts,
            "choices": choices,
        }
        return TemplateResponse(request, "admin/choose_account.html", context)

    # From the form to the service and back.

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method == "POST":
            request.__dict__.pop("_refusals", None)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Invalid, Conflict) as refusal:  # the transaction is gone; the form comes back with what was wrong
            request._refusals = problems_of(refusal)  # type: ignore[attr-defined]  # noqa: SLF001 - ours
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Stale as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        except Missing:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id or "")
        except Forbidden as refusal:
            raise PermissionDenied(str(refusal)) from refusal

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        row = kwargs.get("obj")
        if row is not None:
            context["subtitle"] = self.title_of(row)
            context["original"] = Titled(row, self.title_of(row))
            context["operations"] = self.offered_operations(request, row)
            context["panels"] = self.get_panels(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Call the service; the row it returns takes the place of the form's."""
        if change:
            data = {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}
            saved = self.perform_change(self.acting(request, obj), obj, data) if data else None
        else:
            account_id = self.account_for(request, None)
            assert account_id is not None, "the page asked for it"
            saved = self.perform_create(staff_of(request).acting_in(account_id), dict(form.cleaned_data))
        if saved is not None:
            obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is left to save: the services write what belongs together."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Missing:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        except (Invalid, Conflict, Stale, Forbidden) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(page, args=[unquote(object_id)]))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.perform_delete(self.acting(request, obj), obj)

    def get_deleted_objects(self, objs: Collection[Any], request: HttpRequest) -> Any:
        """Name the objects alone: what hangs on them may be millions of rows, and is the service's to take away."""
        return [str(each) for each in objs], {}, set(), []


class Titled:
    """A row under the title that its page gives it."""

    def __init__(self, row: Model, title: str) -> None:
        self._row = row
        self._title = title

    def __str__(self) -> str:
        return self._title

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


class SystemAdmin(ModelAdmin):
    """Pages of rows that belong to no account: superusers look at them."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return staff_of(request).is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def problems_of(refusal: Invalid | Conflict) -> Sequence[Problem]:
    return refusal.problems if isinstance(refusal, Invalid) else [refusal.problem]
