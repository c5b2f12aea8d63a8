"""What can be said of finished models from their predictions of rows that they had not seen."""
