"""The postbox: a local stand-in for mail servers and webhook receivers.

`manage.py postbox` runs it. Everything that arrives is in its ledger and can be read on its pages;
`POST /control/rules` makes it misbehave. It listens on loopback addresses only and is refused where
`POSTBOX_ENABLED` is off, as in production.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

POSTBOX_HOST = "postbox.test"
"""Stands for the postbox of this installation, on whatever port it runs; `.test` is never a real name."""
POSTBOX_APP_SECRET = "postbox app secret"  # noqa: S105 - for everybody to know
"""What the postbox signs with where it plays Meta."""
POSTBOX_PAGE_HEADER = "Postbox-Page"
"""Tells the postbox what Meta knows from tokens and from an app's settings: the page's id, a space, its webhook."""
POSTBOX_CALLBACK_HEADER = "Postbox-Callback"
"""Tells the postbox where a mail service would call back, which those know from their settings."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running postbox listens, as it tells in `postbox.json`."""

    host: str
    http: int
    smtp: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.http}"

    @classmethod
    def of(cls, data_dir: Path) -> Self | None:
        """Return the address of the postbox that works in this data directory, None when none has been started."""
        try:
            return cls(**json.loads((data_dir / "postbox.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, data_dir: Path) -> None:
        fresh = data_dir / "postbox.json.new"
        fresh.write_text(json.dumps({"host": self.host, "http": self.http, "smtp": self.smtp, "pid": self.pid}))
        fresh.replace(data_dir / "postbox.json")
