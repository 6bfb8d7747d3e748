"""Time and memory of our convolution against torch's: `make bench`.

Both use all cores and float32. Rounds of ours and of torch's take turns, so
that a busy moment of the machine hits both. A round is a few calls in a row and its
time their median; printed are the medians of the rounds and of their ratios. torch's
backward pass is its autograd, for x, weight and bias, as ours. The loops of
`conv2d_naive` run on one image, and their time is multiplied by the batch. Memory is
how far the peak of a fresh process rises above what it held before the call, output
included (on Linux).
"""

import ctypes
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from utils import convolution2d
from utils.gradients import relative_error

CORES = os.cpu_count()  # as NumPy's matrix products take them
ROUNDS, SECONDS = 9, 0.04  # of a round, at least

# name: x, weight, settings
LAYERS = {
    "LeNet C1": ((128, 1, 32, 32), (6, 1, 5, 5), {}),
    "LeNet C3": ((128, 6, 14, 14), (16, 6, 5, 5), {}),
    "residual": ((32, 64, 32, 32), (64, 64, 3, 3), {"padding": 1}),
    "AlexNet 1": ((8, 3, 64, 64), (48, 3, 11, 11), {"stride": 4, "padding": 2}),
    "AlexNet 1, stride 1": ((8, 3, 64, 64), (48, 3, 11, 11), {}),
}


def calls(name):
    """{(whose, direction): a function that does it once} for a layer of the table."""
    shape, kernel, settings = LAYERS[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    weight = (rng.normal(size=kernel) / np.sqrt(np.prod(kernel[1:]))).astype("f")
    bias = rng.normal(size=kernel[0]).astype(np.float32)
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, weight, bias)]
    y = torch.nn.functional.conv2d(*tensors, **settings)
    grad = rng.normal(size=y.shape).astype(np.float32)

    def torch_forward():
        with torch.no_grad():
            return [torch.nn.functional.conv2d(*tensors, **settings)]

    def torch_backward():
        return torch.autograd.grad(y, tensors, torch.as_tensor(grad), True)

    return {
        ("ours", "forward"): lambda: [
            convolution2d.conv2d(x, weight, bias, **settings)
        ],
        ("torch", "forward"): torch_forward,
        ("ours", "backward"): lambda: convolution2d.conv2d_backward(
            grad, x, weight, **settings
        ),
        ("torch", "backward"): torch_backward,
        ("naive", "forward"): lambda: convolution2d.conv2d_naive(
            x[:1], weight, bias, **settings
        ),
    }


def seconds_a_call(call) -> float:
    """Median of a few calls in a row, after two that are not counted."""
    time.sleep(0.01)  # threads of the other library go to sleep
    times = []
    while len(times) < 5 or sum(times) < SECONDS:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times[2:])


def compare(ours, theirs) -> tuple[float, float, float]:
    """Seconds of each and their ratio."""
    for a, b in zip(ours(), theirs(), strict=True):
        assert relative_error(a, b.detach().numpy()) < 1e-4
    rounds = [(seconds_a_call(ours), seconds_a_call(theirs)) for _ in range(ROUNDS)]
    return (*map(median, zip(*rounds, strict=True)), median(a / b for a, b in rounds))


def megabytes(key) -> float:
    """VmRSS, what this process holds, or VmHWM, the most it has held (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{key}:\s+(\d+) kB", status)[1]) / 1024


def print_memory(name, whose, direction):
    """In a process of its own: how far the peak rises in one call."""
    torch.set_num_threads(CORES)
    LAYERS["warm-up"] = ((4, 2, 8, 8), (4, 2, 3, 3), {})
    for call in calls("warm-up").values():
        call()
    call = calls(name)[whose, direction]
    ctypes.CDLL(None).malloc_trim(0)  # no free memory is held back,
    Path("/proc/self/clear_refs").write_text("5")  # and the peak is what is held
    before = megabytes("VmRSS")
    result = call()
    print(megabytes("VmHWM") - before)
    del result


def memory(*what) -> str:
    command = [sys.executable, __file__, *what]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{float(found.stdout):.0f} MB" if found.returncode == 0 else "-"


def main():
    torch.set_num_threads(CORES)
    print(
        f"Convolution against torch {torch.__version__}, NumPy {np.__version__}, "
        f"{CORES} cores, float32"
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 0.5:
        print(f"The machine is busy (load {load:.1f}): times will be rough.")
    print(
        f"{'layer':20} {'pass':9} {'ours':>9} {'torch':>9} {'ratio':>6}   "
        f"{'naive':>8} {'ratio':>6}   {'ours':>7} {'torch':>7}"
    )
    worst = 0.0
    for name, (shape, _, _) in LAYERS.items():
        functions = calls(name)
        for direction in "forward", "backward":
            ours, theirs, ratio = compare(
                functions["ours", direction], functions["torch", direction]
            )
            worst = max(worst, ratio)
            loops = " " * 15
            if direction == "forward":
                start = time.perf_counter()
                functions["naive", "forward"]()
                naive = (time.perf_counter() - start) * shape[0]
                loops = f"{naive:6.1f} s {naive / theirs:6.0f}"
            peaks = [memory(name, whose, direction) for whose in ("ours", "torch")]
            print(
                f"{name:20} {direction:9} {ours * 1e3:6.2f} ms {theirs * 1e3:6.2f} ms "
                f"{ratio:6.2f}   {loops}   {peaks[0]:>7} {peaks[1]:>7}",
                flush=True,
            )
    print(f"At most {worst:.2f} times torch's time")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print_memory(*sys.argv[1:])
    else:
        main()
