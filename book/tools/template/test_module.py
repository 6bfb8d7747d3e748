"""What the module of chapter NUMBER computes, against torch."""

import numpy as np
import torch

from utils import MODULE


def test_values_and_gradients_are_those_of_torch():
    x = torch.arange(3.0, requires_grad=True)
    y = MODULE.twice(x)
    y.sum().backward()
    assert y.tolist() == MODULE.twice(np.arange(3.0)).tolist()
    assert x.grad.tolist() == [2, 2, 2]
