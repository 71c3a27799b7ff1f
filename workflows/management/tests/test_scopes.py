"""Commands say whose rows they mean, as nothing else does it for them."""

import inspect

from django.core.management import get_commands, load_command_class

OWN = ("accounts", "config", "workflows")
NEED_NONE = {
    "database": "makes a role and its rights",
    "document_actions": "reads classes",
    "flush": "works as the owner of the tables",
    "import_contacts": "enters its account once it has found it",
    "metrics": "asks what waits, which has a scope of its own",
    "migrate": "works as the owner of the tables",
    "postbox": "uses no database",
    "run_workflow": "enters its account once it has found it",
    "serve": "prepares within a scope of its own, then only watches",
    "worker": "starts ticks, which have theirs",
}


def test_each_command_declares_its_scope_or_needs_none():
    own = {name: app for name, app in get_commands().items() if app in OWN}
    handles = {name: type(load_command_class(app, name)).handle for name, app in own.items()}
    undeclared = {name for name, handle in handles.items() if inspect.unwrap(handle) is handle}
    assert undeclared == NEED_NONE.keys(), 'decorate handle by `@system_scope("why")`, or enter an account in it'
