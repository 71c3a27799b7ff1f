"""How staff sign in: forms and texts over allauth (second factors) and axes (lockout)."""
