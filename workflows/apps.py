from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from workflows.actions.registry import registry as action_types
        from workflows.crm.services import contacts
        from workflows.engine import departures, dispatch, waking
        from workflows.triggers.registry import registry as trigger_types

        action_types.load()
        trigger_types.load()
        contacts.on_delete(before_lock=departures.end_runs, after_lock=departures.end_late_runs)
        dispatch.consume(waking.wake_waiting, "contact_updated")
