"""What a connection of each kind is set up with: one file a kind, and the field that finds the right one."""

from workflows.api.connection_settings.field import ConnectionSettingsField

__all__ = ["ConnectionSettingsField"]
