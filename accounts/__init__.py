"""Who: accounts (tenants), users, memberships, teams, API keys, the audit log and the one tenancy door."""
