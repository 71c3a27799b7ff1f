"""Names that only one thing of its kind may have in an account."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from accounts.problems import Conflict


@contextmanager
def unless_name_taken(thing: str, name: str) -> Iterator[None]:
    """Write a named row within the block; raises Conflict (`name_taken`) when another has the name."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise Conflict("name_taken", f"There is {thing} named {name.strip()} already.", "name") from None
