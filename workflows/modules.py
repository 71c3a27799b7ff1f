"""Importing every file of a package, so that each can register its kind. Imports nothing of ours."""

import importlib
import pkgutil
from types import ModuleType


def import_below(package: ModuleType) -> None:
    """Import all modules below a package except its tests."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.endswith(".tests"):
            continue
        loaded = importlib.import_module(module.name)
        if module.ispkg:
            import_below(loaded)
