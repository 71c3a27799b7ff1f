"""Types that change the contact and its records."""
