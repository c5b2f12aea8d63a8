"""Measures FlowML from outside: through its command line and its HTTP interface, as any client would."""
