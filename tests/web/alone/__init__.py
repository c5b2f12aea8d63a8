"""Tests of a server of one model."""
