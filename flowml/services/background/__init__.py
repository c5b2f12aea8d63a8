"""Work that goes on in the background of the server: watched, cancelled, and noted where it ends."""
