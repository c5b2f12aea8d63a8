"""Who may come in: tokens, and whose a secret is."""
