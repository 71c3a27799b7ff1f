"""Types that grant and revoke access."""
