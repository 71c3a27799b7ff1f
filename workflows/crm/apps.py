from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "workflows.crm"
    label = "crm"
    verbose_name = "CRM"
