"""Figures of the chapter whose module is `convolution1d`."""
