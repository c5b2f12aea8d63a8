"""One model file as a server of its own: the same addresses as a whole server's for all that it can answer."""
