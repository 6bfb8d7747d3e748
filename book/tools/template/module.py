"""What chapter NUMBER teaches, and nothing else."""


def twice(x):
    """Twice x, as an example of something that a chapter teaches.

    Args:
        x: a number or an array, of any unit.

    Returns:
        2 x, shaped like x and in its unit.
    """
    return 2 * x
