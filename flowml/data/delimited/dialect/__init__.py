"""How the lines of a text table are taken apart: delimiter, quotation marks, escapes, places."""
