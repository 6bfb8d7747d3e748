"""Figures of the chapter whose module is `convolution2d`."""
