"""What people and steps do with messages, templates, files and connections."""
