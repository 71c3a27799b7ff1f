"""What happens: contacts, messages, actions, triggers, and the engine that runs workflows."""
