"""The metrics of a bundle, whoever made it."""

from git_bt.bundle import output_of
from git_bt.flox_layout import foreign_expected, is_foreign
from git_bt.metrics import legacy_metrics, metrics_of
from git_bt.model import Bundle, Metrics


def metrics_of_bundle(bundle: Bundle) -> Metrics | None:
    """Return what the expected output says, None where there is none.

    Raises:
        Corrupt: the output cannot be read.
    """
    if is_foreign(bundle):
        return legacy_metrics(foreign_expected(bundle))
    output = output_of(bundle)
    return None if output is None else metrics_of(output)
