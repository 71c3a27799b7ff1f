"""Which Chromium tests and screenshots use, and how it is started."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "There is no Chromium: `apt-get install chromium`, or name one in CHROMIUM."
ARGUMENTS = [
    "--no-sandbox",  # Chromium refuses to run as root with it, and visits nobody but us
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def find_chromium() -> str | None:
    """Return the path of the Chromium that CHROMIUM names, else of the first that is installed; None without one."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, (named,) if named else NAMES)), None)
