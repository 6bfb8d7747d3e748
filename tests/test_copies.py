"""A network's file is one to copy: short, and with torch alone it trains."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Module -> a network of it, and the shape of its images.
NETWORKS = {
    "lenet": ("LeNet5()", (1, 28, 28)),
    "alexnet": ("SmallAlexNet()", (3, 32, 32)),
    "inception": ("GoogLeNet(10, aux_classifiers=False)", (3, 64, 64)),
    "resnet": ("CifarResNet(8)", (3, 32, 32)),
}
TRAIN = """\
import torch
from torch.nn import functional as F

import {module}

torch.manual_seed(0)
torch.set_num_threads(1)
net = {module}.{network}
images, labels = torch.rand(8, *{shape}), torch.arange(8)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for step in range(4):
    loss = F.cross_entropy(net(images), labels)
    first = loss.item() if step == 0 else first
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert loss.item() < first, (first, loss.item())
"""
every_file = pytest.mark.parametrize("module", NETWORKS)


@every_file
def test_a_network_s_file_is_short_and_needs_torch_alone(module):
    source = (ROOT / f"utils/{module}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 200
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"torch"}


@pytest.mark.slow
@every_file
def test_a_copy_of_the_file_trains_by_itself(module, tmp_path):
    network, shape = NETWORKS[module]
    shutil.copy(ROOT / f"utils/{module}.py", tmp_path)
    script = TRAIN.format(module=module, network=network, shape=shape)
    (tmp_path / "train.py").write_text(script, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_standardize_is_the_same_in_every_file():
    """A file to copy imports nothing of ours, so these ten lines stand in several."""
    found = {}
    for path in sorted(ROOT.glob("utils/*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name == "Standardize":
                node.body = node.body[1:]  # its own docstring
                found[path.stem] = ast.unparse(node)
    assert len(found) >= 2
    assert len(set(found.values())) == 1, sorted(found)
