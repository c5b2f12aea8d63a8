"""A machine that joins a server and trains its trials."""
