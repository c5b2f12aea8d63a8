"""The operations, one file a family; `registry` finds them."""
