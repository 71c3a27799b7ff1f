from django.apps import AppConfig
from django.core import checks


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from workflows.actions.registry import registry as action_types
        from workflows.checks import check_sandbox, check_sandbox_holds
        from workflows.configs import references
        from workflows.crm.services import contacts
        from workflows.engine import departures, dispatch, waking
        from workflows.engine.perform import recalling
        from workflows.models import Action, Workflow
        from workflows.triggers.registry import registry as trigger_types

        references.register("workflow", references.Kind(Workflow.objects.present().for_account))
        references.register("step", references.Kind(Action.objects.for_account, names=("name", "key")))
        checks.register(check_sandbox)
        checks.register(check_sandbox_holds, deploy=True)
        action_types.load()
        trigger_types.load()
        contacts.on_delete(before_lock=departures.end_runs, after_lock=departures.end_late_runs)
        dispatch.consume(waking.wake_waiting, "contact_updated")
        dispatch.consume(recalling.recall_held, "unsubscribed")
