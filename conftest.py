"""Settings of every test, those of the notebooks (`pytest --nbval chapters`) included."""

import os

# Nobody watches: a progress bar would only add an output that the notebook lacks.
os.environ["TQDM_DISABLE"] = "1"
