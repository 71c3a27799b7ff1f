"""Gunicorn's own lines in the shape of all others: `gunicorn --config python:config.gunicorn`."""

from config.settings.logs import LOGGING

logconfig_dict = {
    **LOGGING,
    "filters": {},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}
