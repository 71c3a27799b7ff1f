"""The base of every action type's config; its fields are in `workflows.configs`."""

from workflows.configs.base import StrictConfig


class ActionConfig(StrictConfig):
    """What one step of a type is configured with."""
