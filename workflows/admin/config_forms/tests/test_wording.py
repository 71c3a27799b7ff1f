"""Names of fields and choices."""

import pytest

from workflows.admin.config_forms.wording import choice_label, label_of


class TestLabels:
    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("body_html", "Body HTML"),
            ("template_id", "Template"),
            ("workflow_ids", "Workflows"),
            ("from_email", "From e-mail"),
            ("timezone_mode", "Time zone mode"),
            ("timeout_seconds", "Timeout (seconds)"),
            ("memory_limit_mb", "Memory limit (MB)"),
            ("days", "Days"),
            ("url", "URL"),
            ("id", "ID"),
        ],
    )
    def test_read_like_words(self, name: str, label: str) -> None:
        assert label_of(name) == label

    @pytest.mark.parametrize(("value", "label"), [("api_key", "API key"), ("POST", "POST"), ("opt_in", "Opt in")])
    def test_of_choices_do_too(self, value: str, label: str) -> None:
        assert choice_label(value) == label
