"""Settings of every test, also of the notebooks (`pytest --nbval chapters`)."""

import os

# Nobody watches: a progress bar would only add an output that the notebook lacks.
os.environ["TQDM_DISABLE"] = "1"
