"""One file per provider: how a message gets to whoever delivers it."""
