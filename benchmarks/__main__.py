"""`make bench`: measure, then print one `name: value` line a figure."""

from benchmarks.server import database


def main() -> None:
    with database() as folder:
        from benchmarks import editing, import_contacts, outside, steps  # noqa: PLC0415 - Django is set up by now

        figures = editing.measure() | steps.measure(folder) | outside.measure(folder) | import_contacts.measure(folder)
    for name, value in figures.items():
        print(f"{name}: {value:.2f}" if abs(value) < 1000 else f"{name}: {value:.0f}")


if __name__ == "__main__":
    main()
