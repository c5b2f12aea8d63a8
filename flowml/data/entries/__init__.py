"""Files of entries (transactions, events, contacts): what their formats share, and how each is parsed."""
