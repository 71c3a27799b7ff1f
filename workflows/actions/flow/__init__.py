"""Types that decide where the contact goes next."""
