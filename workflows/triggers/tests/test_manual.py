from workflows.triggers.registry import registry


class TestManual:
    def test_waits_for_no_event(self):
        assert registry.get("manual").event_type is None

    def test_has_no_settings(self):
        assert list(registry.get("manual").Settings().fields) == []
