"""Where forms look things up."""

from django.contrib import admin
from django.urls import path

from workflows.admin.config_forms.views import references

app_name = "config_forms"
urlpatterns = [
    path("<uuid:account_id>/references/<slug:kind>/", admin.site.admin_view(references), name="references"),
]
