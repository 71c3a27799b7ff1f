"""The database engine of the project: PostgreSQL with row level security as the second wall between accounts.

`base` is what Django loads by the settings' `ENGINE`; `carrying` brings the scope in force to each transaction;
`roles` and `walls` are the SQL of the two roles and of the policies; `exemptions` says which tables have none, and why.
"""
