"""The report of a run: one HTML file that needs nothing else, with its drawings made here."""
