"""Types that wait."""
