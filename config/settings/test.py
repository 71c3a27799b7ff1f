"""Tests: a server of their own with fsync off, fast hashing, plain static files."""

from config.settings.base import *  # noqa: F403

DEBUG = False
SECRET_KEY = "tests-only-" + "x" * 50
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
SECRET_KEYS = ["dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="]
OUTBOUND_ALLOW_NETWORKS = ["127.0.0.1/32"]
POSTBOX_ENABLED = True
AXES_ENABLED = False  # the test client signs in without a request, which axes refuses; its own tests switch it on
