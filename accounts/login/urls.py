"""Addresses of the login: `/admin/login/` itself, everything else below `/account/`. Nobody signs up."""

from allauth.account import views
from django.urls import include, path, re_path

from accounts.login.views import StaffLoginView

urlpatterns = [
    path("admin/login/", StaffLoginView.as_view(), name="account_login"),
    path("account/logout/", views.logout, name="account_logout"),
    path("account/inactive/", views.account_inactive, name="account_inactive"),
    path("account/confirm/", views.reauthenticate, name="account_reauthenticate"),
    path("account/password/", views.password_change, name="account_change_password"),
    path("account/password/set/", views.password_set, name="account_set_password"),
    path("account/reset/", views.password_reset, name="account_reset_password"),
    path("account/reset/sent/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^account/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("account/reset/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("account/2fa/", include("allauth.mfa.urls")),
]
