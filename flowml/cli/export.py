"""`flowml export`: a model file as a file of another kind."""

import argparse
import sys


def export(options: argparse.Namespace) -> int:
    """Write a model as a file for programs without FlowML."""
    from flowml.automl.export.exporting import KINDS
    from flowml.automl.export.exporting import export as exported
    from flowml.automl.model.foreign import read_foreign

    model = read_foreign(options.model)
    out = options.out or options.model.with_suffix(f".{KINDS[options.format].suffix}")
    content, parity = exported(model, options.format)
    out.write_bytes(content)
    print(
        f"{len(content):,} bytes written to {out}. On {parity.n_rows} made rows its answers differ from the model's by "
        f"{parity.largest:.1g} at most.",
        file=sys.stderr,
    )
    return 0
