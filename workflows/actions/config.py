"""What the configs of all action types share: strict fields, templates, references."""

from rest_framework import serializers


class ActionConfig(serializers.Serializer):
    """Base of every type's config serializer."""
