"""One algorithm with one set of parameters, evaluated."""
