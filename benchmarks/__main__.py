"""`make bench`: measure, then print one `name: value` line a figure. `make bench ARGS=walls` measures one part."""

import sys

from benchmarks.server import database

PARTS = ("editing", "steps", "outside", "scripts", "import_contacts", "walls")


def main(wanted: list[str]) -> None:
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    figures: dict[str, float] = {}
    with database() as folder:
        from accounts.tenancy import system_scope  # noqa: PLC0415 - Django is set up by now
        from benchmarks import editing, import_contacts, outside, scripts, steps, walls  # noqa: PLC0415

        measures = {
            "editing": editing.measure,
            "steps": lambda: steps.measure(folder),
            "outside": lambda: outside.measure(folder),
            "scripts": scripts.measure,
            "import_contacts": lambda: import_contacts.measure(folder),
            "walls": lambda: walls.measure(folder),
        }
        with system_scope("a benchmark makes accounts and looks at all of them"):
            for part in wanted or PARTS:
                figures |= measures[part]()
    for name, value in figures.items():
        print(f"{name}: {value:.2f}" if abs(value) < 1000 else f"{name}: {value:.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])
