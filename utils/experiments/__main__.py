import sys

from utils.experiments.runner import main

sys.exit(main())
