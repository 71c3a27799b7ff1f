"""What `manage.py check` says of the sandbox."""

import pytest
from django.core.checks import run_checks

from workflows import sandbox
from workflows.checks import check_sandbox, check_sandbox_holds


def ours(**options: bool) -> list[str]:
    return [message.id for message in run_checks(**options) if str(message.id).startswith("workflows.W")]


class TestTheSandbox:
    def test_holds_here(self) -> None:
        assert ours() == ours(include_deployment_checks=True) == []

    def test_is_not_tried_unless_it_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox, "problem", lambda: "It does not hold.")
        assert ours() == []
        assert ours(include_deployment_checks=True) == ["workflows.W002"]
        (message,) = check_sandbox_holds(None)
        assert message.msg == "It does not hold."

    def test_says_each_thing_that_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox, "missing", lambda: ["One.", "Two."])
        assert [(message.id, message.msg) for message in check_sandbox(None)] == [
            ("workflows.W001", "One."),
            ("workflows.W001", "Two."),
        ]
        assert check_sandbox_holds(None) == []
