"""FlowML in a program of the user: the estimators, and a whole run without a server."""
