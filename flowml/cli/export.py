"""`flowml export`: a model file as a file of another kind."""

import argparse
import sys

from flowml.domain.errors import InvalidInput


def export(options: argparse.Namespace) -> int:
    """Write a model as a file for programs without FlowML."""
    from flowml.automl.export.exporting import KINDS
    from flowml.automl.export.exporting import export as exported
    from flowml.automl.model.foreign import read_foreign

    model = read_foreign(options.model)
    out = options.out or options.model.with_suffix(f".{KINDS[options.format].suffix}")
    content, parity = exported(model, options.format)
    try:
        out.write_bytes(content)
    except OSError as problem:
        raise InvalidInput(
            f"“{out}” cannot be written: {problem.strerror or problem}.",
            hint="-o takes the name of a file, in a folder that is there.",
        ) from None
    tried = (
        f" On {parity.n_rows} made rows its answers differ from the model's by {parity.largest:.1g} at most."
        if parity.n_rows
        else ""
    )
    print(f"{len(content):,} bytes written to {out}.{tried}", file=sys.stderr)
    return 0
