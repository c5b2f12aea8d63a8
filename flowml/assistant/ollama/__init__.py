"""Ollama's HTTP interface: what it says is data of a stranger, bounded and cleaned before anybody sees it."""
