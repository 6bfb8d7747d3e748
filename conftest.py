"""Settings of every test, also of the notebooks (`pytest --nbval chapters`)."""

import os

# Nobody watches: a progress bar would only add an output that the notebook lacks.
os.environ["TQDM_DISABLE"] = "1"


def pytest_collectstart(collector):
    """Figures are pictures: nbval leaves PNG alone, and so must SVG and explorers be.

    Their last digits differ from one processor to the next, as no printed output may.
    """
    if getattr(collector, "skip_compare", None) is not None:
        collector.skip_compare += (
            "image/svg+xml",
            "application/vnd.book.explorer+json",
        )
