"""What the engine and the API are held to, measured: `make bench`."""
