"""Bad input is refused by name, value and what was expected; good input comes back."""

import re

import numpy as np
import pytest
import torch

from utils.checking import (
    checked_choice,
    checked_dataset,
    checked_inputs,
    checked_labels,
    checked_number,
    checked_whole,
)


def test_good_values_come_back():
    images = torch.rand(2, 3, 8, 6)
    assert checked_number("rate", 1) == 1.0
    assert checked_number("share", 0.5, below=1) == 0.5
    assert checked_whole("depth", np.int64(8), 8, 8) == 8
    assert checked_inputs("x", images) is images
    for labels in (np.array([2, 0]), torch.tensor([2, 0], dtype=torch.uint8)):
        assert checked_labels("labels", labels, 2, 3) is labels
    assert checked_dataset("train", (images, labels)) == (images, labels)
    assert checked_choice("option", "A", ("A", "B")) == "A"


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda: checked_number("rate", -1),
            "rate must be a number, finite and >= 0, got -1",
        ),
        (
            lambda: checked_number("share", 1, below=1),
            "share must be a number, from 0 to less than 1, got 1",
        ),
        (lambda: checked_number("rate", True), "rate must be a number"),
        (
            lambda: checked_whole("depth", 7.0, 8),
            "depth must be a whole number >= 8, got 7.0",
        ),
        (
            lambda: checked_whole("units", 21, 1, 20),
            "units must be a whole number from 1 to 20, got 21",
        ),
        (lambda: checked_whole("units", True, 1), "units must be a whole number >= 1"),
        (
            lambda: checked_labels("labels", np.array([0.0, 1.0]), 2, 3),
            "labels must be whole numbers, one for each of 2 images, got shape (2,) of",
        ),
        (
            lambda: checked_labels("labels", torch.tensor([0, 3]), 2, 3),
            "labels must lie in 0..2, as the model has 3 outputs, got 0..3",
        ),
        (
            lambda: checked_choice("option", "D", ("A", "B")),
            "option must be one of 'A', 'B', got 'D'",
        ),
    ],
)
def test_bad_values_are_refused(check, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check()
