"""What changes accounts, members, teams and keys: one function a verb, each writing its audit entry."""
