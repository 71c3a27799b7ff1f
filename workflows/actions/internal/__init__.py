"""Types for the team and other systems."""
