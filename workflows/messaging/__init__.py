"""Messages to and from contacts, and the connections they travel by."""
