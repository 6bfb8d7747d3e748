"""Figures of the chapter whose module is `lenet`."""
