"""The demo account: what `manage.py seed_demo` fills it with."""
