"""What the store keeps of the assistant."""
