"""Machines that have joined this server: who they are, what they wait for, and what they send."""
