"""Figures of the chapters: data in, a Matplotlib figure out; one module a chapter."""
