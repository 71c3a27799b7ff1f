"""Wiring: settings, URLs, servers and the embedded database. Imports everything, is imported by nothing."""
