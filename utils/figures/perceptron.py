"""Figures of the chapter whose module is `perceptron`."""
