"""Forms of configs, made from their serializers: a new type has one without a line of its own."""

from workflows.admin.config_forms.form import ConfigForm
from workflows.admin.config_forms.page import EarlierStep

__all__ = ["ConfigForm", "EarlierStep"]
