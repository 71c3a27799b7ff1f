"""What kinds are configured with: strict serializers that also give defaults, references and schemas."""
