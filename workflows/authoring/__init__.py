"""People change workflows: one function a verb, called alike by API, admin and commands."""
