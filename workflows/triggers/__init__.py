"""What can enroll a contact: one file a type."""
