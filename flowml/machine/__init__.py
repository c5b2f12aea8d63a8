"""This machine: what it has, and processes on it."""
