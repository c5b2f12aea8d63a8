"""How columns go together, and with a target."""
