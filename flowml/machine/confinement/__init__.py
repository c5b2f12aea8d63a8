"""A process that reads what others have made gives up what it does not need, for good: files (Landlock), calls of the
system (seccomp), and more memory, time and files than it was given (limits). `confining.py` has the two strengths."""
