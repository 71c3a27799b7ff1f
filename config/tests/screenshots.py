"""`make screenshots`: start an installation of its own with the demo account, and renew the pictures of the README."""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from config.tests.chromium import ARGUMENTS, MISSING, find_chromium
from config.tests.running import ROOT, Installation, installation
from workflows.messaging.postbox import Address

IMAGES = ROOT / "docs" / "images"
LOGIN = ("demo@followthrough.test", "followthrough-demo")
WORKFLOW, TAG = "Newsletter offer", "Newsletter"
WATCH_SECONDS = "20"
SIZE = {"width": 1280, "height": 900}


def manage(data_dir: Path, *words: str, is_finished: bool = True) -> str:
    """Run a management command on the installation, to its end unless it only watches, and return what it prints."""
    command = [sys.executable, "manage.py", *words]
    environment = {"DATA_DIR": str(data_dir), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=is_finished, capture_output=True, text=True)
    return done.stdout.strip()


def take_pictures(page: Page, running: Installation, postbox: str) -> None:
    """Sign in as the demo user and go through what the README shows."""
    admin = f"http://127.0.0.1:{running.port}/admin/"
    page.goto(admin)
    page.get_by_label("mail").first.fill(LOGIN[0])
    page.get_by_label("password").first.fill(LOGIN[1])
    page.keyboard.press("Enter")
    page.wait_for_url(admin)
    page.goto(f"{admin}workflows/workflow/")
    page.get_by_role("link", name=WORKFLOW).first.click()
    picture(page, "editor")
    page.goto(f"{admin}workflows/workflowexecution/")
    picture(page, "executions")
    page.goto(postbox)
    page.get_by_text("A month of reporting").first.click()
    picture(page, "postbox")


def picture(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        sys.exit(MISSING)
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder) / "data", ready_seconds=600) as running:
        account = manage(running.data_dir, "shell", "-v0", "-c", "print(Account.objects.get().id)")
        words = ("run_workflow", WORKFLOW, "--account", account, "--tag", TAG, "--timeout", WATCH_SECONDS)
        manage(running.data_dir, *words, is_finished=False)
        postbox = Address.of(running.data_dir)
        assert postbox is not None
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            page = browser.new_page(viewport=SIZE, locale="en-US", timezone_id="UTC")
            take_pictures(page, running, f"{postbox.url}/")
            browser.close()


if __name__ == "__main__":
    main()
