"""Watching contacts go through a workflow, for `manage.py run_workflow`."""
