"""One file per family of formats; each defines a `FORMAT`. `registry` finds them."""
