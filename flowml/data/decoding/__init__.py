"""Bytes → text, for every format made of text: which encoding a file is in, and the same file as UTF-8."""
