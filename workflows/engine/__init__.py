"""Time passes: contacts are enrolled, taken step by step through their version, held, recovered and logged."""
