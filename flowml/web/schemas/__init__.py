"""What enters and leaves as JSON, one file per noun. The OpenAPI document is made from these classes."""
