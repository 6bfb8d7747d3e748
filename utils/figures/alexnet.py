"""Figures of the chapter whose module is `alexnet`."""
