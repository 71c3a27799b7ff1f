from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from workflows.actions.registry import registry
        from workflows.crm.services import contacts
        from workflows.engine import departures

        registry.load()
        contacts.on_delete(before_lock=departures.end_runs, after_lock=departures.end_late_runs)
