"""Plausible wrong answers to the exercises of chapter NUMBER."""

# %% ex1: the number itself
answer = 21

# %% ex1: the square
answer = 441

# %% ex1: one too few
answer = 41


# %% ex2: the square
def twice(x):
    return x * x + 1


# %% ex2: forgets the sign
def twice(x):
    return 2 * abs(x)


# %% ex2: adds two
def twice(x):
    return x + 1


# %% ex3: doubles
largest = -6

# %% ex3: loses the sign
largest = 3

# %% ex3: takes zero
largest = 0
