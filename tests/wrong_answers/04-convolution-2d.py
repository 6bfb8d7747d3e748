"""Plausible wrong answers to exercises/04-convolution-2d.ipynb."""

# %% ex1: height and width exchanged
shape = (10, 32, 24)
parameters = 1480
macs = 1_128_960
corner = -1
flipped = 5

# %% ex1: one bias too few kinds: none at all
shape = (10, 24, 32)
parameters = 1470
macs = 1_128_960
corner = -1
flipped = 5

# %% ex1: MACs at the input's resolution
shape = (10, 24, 32)
parameters = 1480
macs = 10 * 48 * 64 * 3 * 7 * 7
corner = -1
flipped = 5

# %% ex1: convolution and cross-correlation mixed up
shape = (10, 24, 32)
parameters = 1480
macs = 1_128_960
corner = 5
flipped = -1

# %% ex2: the sum instead of the mean
grey = np.ones((1, 3, 1, 1))
swap = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)[:, :, None, None]

# %% ex2: a cycle of the channels, not an exchange
grey = np.full((1, 3, 1, 1), 1 / 3)
swap = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float)[:, :, None, None]

# %% ex2: green and blue exchanged
grey = np.full((1, 3, 1, 1), 1 / 3)
swap = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], float)[:, :, None, None]


# %% ex3: forgets the bias
def convolve(x, weight, bias, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    O, C, m, n = weight.shape
    rows = (x.shape[1] - m) // stride + 1
    columns = (x.shape[2] - n) // stride + 1
    out = np.zeros((O, rows, columns))
    for o, u, v in np.ndindex(out.shape):
        top, left = u * stride, v * stride
        out[o, u, v] = np.sum(x[:, top : top + m, left : left + n] * weight[o])
    return out


# %% ex3: uses the first channel only
def convolve(x, weight, bias, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    O, C, m, n = weight.shape
    rows = (x.shape[1] - m) // stride + 1
    columns = (x.shape[2] - n) // stride + 1
    out = np.zeros((O, rows, columns))
    for o, u, v in np.ndindex(out.shape):
        window = x[0, u * stride :, v * stride :][:m, :n]
        out[o, u, v] = bias[o] + np.sum(window * weight[o, 0])
    return out


# %% ex3: turns the kernel
def convolve(x, weight, bias, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    O, C, m, n = weight.shape
    rows = (x.shape[1] - m) // stride + 1
    columns = (x.shape[2] - n) // stride + 1
    out = np.zeros((O, rows, columns))
    for o, u, v in np.ndindex(out.shape):
        window = x[:, u * stride :, v * stride :][:, :m, :n]
        out[o, u, v] = bias[o] + np.sum(window * weight[o, :, ::-1, ::-1])
    return out


# %% ex3: forgets the stride of the window's place
def convolve(x, weight, bias, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    O, C, m, n = weight.shape
    rows = (x.shape[1] - m) // stride + 1
    columns = (x.shape[2] - n) // stride + 1
    out = np.zeros((O, rows, columns))
    for o, u, v in np.ndindex(out.shape):
        out[o, u, v] = bias[o] + np.sum(x[:, u : u + m, v : v + n] * weight[o])
    return out


# %% ex4: steps of two places from row to row of the image, not three
def matrix(W):
    C = np.zeros((4, 9))
    for u, v, i, j in np.ndindex(2, 2, 2, 2):
        C[2 * u + v, 3 * i + 2 * u + v + j] = W[i, j]
    return C


# %% ex4: the kernel turned
def matrix(W):
    C = np.zeros((4, 9))
    for u, v, i, j in np.ndindex(2, 2, 2, 2):
        C[2 * u + v, 3 * (u + i) + v + j] = W[1 - i, 1 - j]
    return C


# %% ex4: reads the image column by column
def matrix(W):
    C = np.zeros((4, 9))
    for u, v, i, j in np.ndindex(2, 2, 2, 2):
        C[2 * u + v, 3 * (v + j) + u + i] = W[i, j]
    return C


# %% ex5: ignores the stride
def kernel_gradient(delta, x, m, n, stride=1):
    rows, columns = delta.shape
    grad = np.zeros((m, n))
    for i, j in np.ndindex(m, n):
        grad[i, j] = np.sum(delta * x[i : i + rows, j : j + columns])
    return grad


# %% ex5: turns the error terms
def kernel_gradient(delta, x, m, n, stride=1):
    rows, columns = delta.shape
    grad = np.zeros((m, n))
    for i, j in np.ndindex(m, n):
        met = x[i::stride, j::stride][:rows, :columns]
        grad[i, j] = np.sum(delta[::-1, ::-1] * met)
    return grad


# %% ex5: the mean over places instead of the sum
def kernel_gradient(delta, x, m, n, stride=1):
    rows, columns = delta.shape
    grad = np.zeros((m, n))
    for i, j in np.ndindex(m, n):
        met = x[i::stride, j::stride][:rows, :columns]
        grad[i, j] = np.mean(delta * met)
    return grad


# %% ex6-a: weights of a single pair of channels
two = 18
one = 25

# %% ex6-a: biases counted after all
two = 2 * (3 * 3 * 64 * 64 + 64)
one = 5 * 5 * 64 * 64 + 64


# %% ex6-b: cross-correlates the kernels instead of convolving them
def merge(A, B):
    merged = np.zeros((5, 5))
    for i, j in np.ndindex(3, 3):
        merged[i : i + 3, j : j + 3] += B[2 - i, 2 - j] * A
    return merged


# %% ex6-b: adds the two kernels in the middle
def merge(A, B):
    merged = np.zeros((5, 5))
    merged[1:4, 1:4] = A * B
    return merged
