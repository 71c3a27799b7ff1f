"""Contacts and everything known of them; services write, and say so in events."""
