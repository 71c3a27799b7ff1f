"""Questions about what happened; nothing here writes."""
