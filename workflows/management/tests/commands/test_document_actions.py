from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from workflows.actions.reference import reference
from workflows.actions.registry import registry


class TestDocumentActions:
    def test_finds_the_committed_page_up_to_date(self):
        call_command("document_actions", check=True)

    def test_writes_the_page(self, tmp_path, settings):
        settings.BASE_DIR = tmp_path
        out = StringIO()
        call_command("document_actions", stdout=out)
        assert (tmp_path / "docs" / "actions.md").read_text(encoding="utf-8") == reference(registry)
        assert out.getvalue() == f"docs/actions.md: {len(registry)} types\n"

    @pytest.mark.parametrize("content", [None, "# Actions\n"])
    def test_fails_when_the_page_is_out_of_date(self, tmp_path, settings, content):
        settings.BASE_DIR = tmp_path
        path = tmp_path / "docs" / "actions.md"
        if content:
            path.parent.mkdir()
            path.write_text(content)
        with pytest.raises(CommandError, match="out of date"):
            call_command("document_actions", check=True)
        assert path.exists() is bool(content)


class TestReference:
    def test_has_a_section_for_each_type_and_a_row_for_each_field(self):
        page = Path(settings.BASE_DIR, "docs", "actions.md").read_text(encoding="utf-8")
        for kind in registry:
            section = page.split(f"### `{kind.slug}` – {kind.label}\n")[1].split("\n### ")[0]
            assert kind.description() in section
            assert all(f"| `{name}` |" in section for name in kind.Config().fields)

    def test_shows_the_fields_of_parts(self):
        page = reference(registry)
        assert "| `field_updates[].mode` | choice |" in page
        assert "| `resume_between.start` | text | yes |" in page
        assert "| `duration` | whole number | yes |  | 1–120960 |" in page
        assert '| `duplicate_handling` | choice |  | `"update"` | `update`, `skip`, `create_duplicate` |' in page
