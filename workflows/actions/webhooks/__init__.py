"""What a webhook is made of: how it authenticates, and what its answer means."""
