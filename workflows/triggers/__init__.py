"""What enrolls contacts: one file a type, found and checked by the registry."""
