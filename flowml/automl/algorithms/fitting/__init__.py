"""What several families share in fitting."""
