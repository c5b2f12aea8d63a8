"""What a server and its workers have to agree on to understand each other."""

PROTOCOL = 1
"""Counts up when a worker of before would not be understood any more, or would not understand."""

PIECE_BYTES = 4 << 20
"""Files are handed over in pieces of at most so many bytes: what a broken connection costs."""

MOST_WORDS = 2_000
"""Characters of what is said of a trial that has failed."""

OFFSET = "upload-offset"
LENGTH = "upload-length"
"""Headers of a piece: where in its file it begins, and how long the whole file is. Named as in the IETF's draft of
resumable uploads (draft-ietf-httpbis-resumable-upload)."""
