"""What the assistant keeps."""
