"""The staff door to accounts."""
