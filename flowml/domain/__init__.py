"""The words of the product: frozen dataclasses, enums, errors and protocols, standard library only.

Read this package first. Times are seconds since the epoch (UTC), durations are seconds, sizes are bytes.
"""
