"""Files of rows that are answered by a model, in a child process, while somebody watches how far it is."""
