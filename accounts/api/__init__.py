"""The manners of the whole HTTP API, and the routes about accounts."""
