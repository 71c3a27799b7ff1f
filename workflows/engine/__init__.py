"""Time passes: contacts are enrolled, claimed, advanced and recovered."""
