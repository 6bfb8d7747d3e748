"""Plausible wrong answers to exercises/03-convolution-1d.ipynb."""

# %% ex1: convolution and cross-correlation mixed up
cross = [5, 5, -8]
conv = [-1, 11, -4]
sizes = [22, 50, 14]

# %% ex1: rounds up where the size does not divide
cross = [-1, 11, -4]
conv = [5, 5, -8]
sizes = [23, 50, 15]

# %% ex1: forgets that dilation widens the reach
cross = [-1, 11, -4]
conv = [5, 5, -8]
sizes = [22, 50, 16]


# %% ex2: flips the kernel
def correlate(x, w, stride=1, padding=0, dilation=1):
    x = np.concatenate([np.zeros(padding), x, np.zeros(padding)])
    reach = dilation * (len(w) - 1) + 1
    size = (len(x) - reach) // stride + 1
    return np.array(
        [w[::-1] @ x[t * stride : t * stride + reach : dilation] for t in range(size)]
    )


# %% ex2: ignores the dilation in the size
def correlate(x, w, stride=1, padding=0, dilation=1):
    x = np.concatenate([np.zeros(padding), x, np.zeros(padding)])
    size = (len(x) - len(w)) // stride + 1
    return np.array(
        [
            sum(
                w[k] * x[min(t * stride + dilation * k, len(x) - 1)]
                for k in range(len(w))
            )
            for t in range(size)
        ]
    )


# %% ex2: pads at the end only
def correlate(x, w, stride=1, padding=0, dilation=1):
    x = np.concatenate([x, np.zeros(2 * padding)])
    reach = dilation * (len(w) - 1) + 1
    size = (len(x) - reach) // stride + 1
    return np.array(
        [w @ x[t * stride : t * stride + reach : dilation] for t in range(size)]
    )


# %% ex2: stride taken after the size of stride 1
def correlate(x, w, stride=1, padding=0, dilation=1):
    x = np.concatenate([np.zeros(padding), x, np.zeros(padding)])
    reach = dilation * (len(w) - 1) + 1
    size = len(x) - reach + 1
    return np.array(
        [w @ x[t : t + reach : dilation] for t in range(0, size - 1, stride)]
    )


# %% ex3-a: moves one place a row, whatever the stride
def matrix(w, n, stride=1):
    size = (n - len(w)) // stride + 1
    C = np.zeros((size, n))
    for t in range(size):
        C[t, t : t + len(w)] = w
    return C


# %% ex3-a: the transpose
def matrix(w, n, stride=1):
    size = (n - len(w)) // stride + 1
    C = np.zeros((n, size))
    for t in range(size):
        C[t * stride : t * stride + len(w), t] = w
    return C


# %% ex3-b: overwrites where it should add
def backward(delta, w, n, stride=1):
    grad = np.zeros(n)
    for t, d in enumerate(delta):
        grad[t * stride : t * stride + len(w)] = d * w
    return grad


# %% ex3-b: forgets the flip of the wide convolution
def backward(delta, w, n, stride=1):
    grad = np.zeros(n)
    for t, d in enumerate(delta):
        grad[t * stride : t * stride + len(w)] += d * w[::-1]
    return grad


# %% ex4: the pair of the chapter, which does not commute
a = [1, 2, 3, 4]
b = [1, 0, -1]

# %% ex4: a signal and its mirror image
a = [1, 2, 3]
b = [3, 2, 1]

# %% ex4: only one palindrome
a = [1, 2, 1]
b = [1, 2, 4]


# %% ex5-a: subtracts one earlier value only
def undo(y, w):
    x = np.zeros(len(y) - len(w) + 1)
    for t in range(len(x)):
        known = w[1] * x[t - 1] if t and len(w) > 1 else 0
        x[t] = (y[t] - known) / w[0]
    return x


# %% ex5-a: forgets to divide by the first weight
def undo(y, w):
    x = np.zeros(len(y) - len(w) + 1)
    for t in range(len(x)):
        x[t] = y[t] - sum(w[k] * x[t - k] for k in range(1, min(t, len(w) - 1) + 1))
    return x


# %% ex5-b: alternating signs, which an average of two would hide
invisible = [1, -1, 1, -1, 1, -1]

# %% ex5-b: adds up to zero only as a whole
invisible = [1, 2, 3, -1, -2, -3]


# %% ex6: the pulses of the chapter, which the CNN likes
def blind_spot(count, rng):
    y = rng.integers(2, size=count)
    x = rng.normal(0, 0.1, (count, 1, 60))
    for signal, kind in zip(x[:, 0], y, strict=True):
        start = rng.integers(40)
        signal[start : start + 12] += np.linspace(0, 1, 12)[:: 1 if kind else -1]
    return x.astype(np.float32), y


# %% ex6: pure noise, too hard for both
def blind_spot(count, rng):
    y = rng.integers(2, size=count)
    return rng.normal(size=(count, 1, 60)).astype(np.float32), y


# %% ex6: early or late, but the late bump is also higher
def blind_spot(count, rng):
    y = rng.integers(2, size=count)
    x = rng.normal(0, 0.1, (count, 1, 60))
    for signal, late in zip(x[:, 0], y, strict=True):
        start = rng.integers(5, 15) + 30 * late
        signal[start : start + 8] += 1 + late
    return x.astype(np.float32), y
