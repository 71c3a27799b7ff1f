"""`http://postbox.test/` is the postbox of this installation, and nothing where there is none."""

from pathlib import Path
from typing import Any

import pytest

from workflows.messaging import outbound
from workflows.messaging.outbound import NotSent
from workflows.messaging.postbox.testing import PostboxClient


class TestThePostbox:
    def test_is_found_wherever_it_runs(self, postbox: PostboxClient, settings: Any, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path
        with pytest.raises(NotSent, match="has not been started"):
            outbound.request("POST", "http://postbox.test/hooks/demo", body=b"{}")
        postbox.address.write(tmp_path)

        answer = outbound.request("POST", "http://postbox.test/hooks/demo?a=b", body=b"{}")

        assert answer.status_code == 200
        assert [entry["path"] for entry in postbox.requests()] == ["/hooks/demo?a=b"]

    def test_is_unknown_in_production(self, postbox: PostboxClient, settings: Any, tmp_path: Path) -> None:
        settings.DATA_DIR, settings.POSTBOX_ENABLED = tmp_path, False
        postbox.address.write(tmp_path)
        with pytest.raises(NotSent):
            outbound.request("POST", "http://postbox.test/hooks/demo", body=b"{}", timeout_seconds=2)
        assert postbox.requests() == []
