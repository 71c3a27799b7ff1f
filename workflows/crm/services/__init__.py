"""Everything that writes CRM records: set-based functions, each with its events in the same transaction."""
