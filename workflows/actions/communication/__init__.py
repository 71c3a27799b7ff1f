"""Types that send something to the contact."""
