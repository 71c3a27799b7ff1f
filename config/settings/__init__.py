"""One module an environment: development (the default), test, production."""
