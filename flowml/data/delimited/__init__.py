"""Reading text tables: which encoding, which delimiter, where the lines go wrong, what the columns hold."""
