"""The HTTP door: viewsets translate and call one function."""
