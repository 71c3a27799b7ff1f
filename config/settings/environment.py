"""The environment's variables, where settings come from."""

import environ

env = environ.Env()
