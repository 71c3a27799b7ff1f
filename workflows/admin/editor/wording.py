"""Numbers in sentences."""


def counted(number: int, one: str, many: str) -> str:
    """Return the number and the noun that fits it: `1 contact`, `1,200 contacts`."""
    return f"{number:,} {one if number == 1 else many}"
