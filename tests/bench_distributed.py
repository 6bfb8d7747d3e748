"""One run in one process and in two: the same losses, and seconds an epoch.

    python tests/bench_distributed.py [--processes 1 2 4] [--device cuda]

Each process stands for a device: on a CPU it computes with one thread, so that two need
two free cores to be faster; on GPUs each has its own. The fastest epoch after the first
counts. The small AlexNet trains with dropout and crops, of which each process draws its
own: losses agree as those of two seeds do. Where nothing is drawn, they agree up to
rounding (tests/test_distributed.py).
"""

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from utils import data, distributed
from utils.alexnet import SmallAlexNet
from utils.augmentation import RandomCropFlip
from utils.training import fit, pick_device, seed_everything

EPOCHS, BATCH_SIZE = 4, 128


def work(device) -> None:
    """What each process does; rank 0 prints losses and seconds of all epochs."""
    with distributed.process_group(pick_device(device)) as device:
        seed_everything(0)
        model = SmallAlexNet(in_channels=1)
        train, test = data.mnist5k()
        settings = {"batch_size": BATCH_SIZE, "augment": RandomCropFlip(2, fill=0)}
        settings["optimizer"] = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
        history = fit(model, train, test, epochs=EPOCHS, device=device, **settings)
        if distributed.rank() == 0:
            name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
            print(json.dumps([name, history.loss, history.seconds]))


def measure(count, device):
    command = f"-m torch.distributed.run --standalone --nproc-per-node {count}".split()
    command += [__file__, "--work", *(["--device", device] if device else [])]
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default=None)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.device)
    show = functools.partial(print, flush=True)
    first = None
    for count in options.processes:
        name, losses, seconds = measure(count, options.device)
        spent = min(seconds[1:])
        if first is None:
            first = spent
            show(f"{name}, {os.cpu_count()} cores, torch {torch.__version__}, ", end="")
            show(f"Python {platform.python_version()}: 4,000 images an epoch")
            show("processes   s/epoch   ratio   loss of each epoch")
        words = "  ".join(f"{loss:.5f}" for loss in losses)
        show(f"{count:9}   {spent:7.2f}   {first / spent:5.2f}   {words}")


if __name__ == "__main__":
    main()
