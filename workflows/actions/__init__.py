"""What a step can do: one file a type, found and checked by the registry."""
