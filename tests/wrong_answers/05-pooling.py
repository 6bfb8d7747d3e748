"""Plausible wrong answers to exercises/05-pooling.ipynb."""

# %% ex1: a stride of 2 where 1 was asked, repeated to fit
highest = [[5, 4], [7, 3]]
overlapping = [[6, 5], [7, 4]]
mean = [[1.75, 2.5], [3.5, 0.25]]
back = [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0]]
shape = (15, 15, 64)

# %% ex1: both of two equal winners get the error, cut in half
highest = [[5, 4], [7, 3]]
overlapping = [[6, 6], [7, 6]]
mean = [[1.75, 2.5], [3.5, 0.25]]
back = [[0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [3, 0, 4, 0]]
shape = (15, 15, 64)

# %% ex1: the size is rounded up, and the maps are pooled too
highest = [[5, 4], [7, 3]]
overlapping = [[6, 6], [7, 6]]
mean = [[1.75, 2.5], [3.5, 0.25]]
back = [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0]]
shape = (16, 16, 32)

# %% ex1: the mean of the positive numbers only
highest = [[5, 4], [7, 3]]
overlapping = [[6, 6], [7, 6]]
mean = [[3, 3.33], [4.67, 2.5]]
back = [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0]]
shape = (15, 15, 64)


# %% ex2-a: the stride is taken to be the size
def max_pool(X, size, stride):
    rows, columns = X.shape[0] // size, X.shape[1] // size
    return np.array(
        [
            [
                X[u * size : (u + 1) * size, v * size : (v + 1) * size].max()
                for v in range(columns)
            ]
            for u in range(rows)
        ]
    )


# %% ex2-a: starts from zeros, which are larger than negative numbers
def max_pool(X, size, stride):
    rows = (X.shape[0] - size) // stride + 1
    columns = (X.shape[1] - size) // stride + 1
    Y = np.zeros((rows, columns))
    for u in range(rows):
        for v in range(columns):
            for i in range(size):
                for j in range(size):
                    Y[u, v] = max(Y[u, v], X[u * stride + i, v * stride + j])
    return Y


# %% ex2-a: rows for columns, which only a square forgives
def max_pool(X, size, stride):
    rows = (X.shape[0] - size) // stride + 1
    Y = np.zeros((rows, rows))
    for u in range(rows):
        for v in range(rows):
            r, c = u * stride, v * stride
            Y[u, v] = X[r : r + size, c : c + size].max()
    return Y


# %% ex2-b: overwrites where windows overlap
def max_pool_back(delta, X, size, stride):
    grad = np.zeros(X.shape)
    for (u, v), d in np.ndenumerate(delta):
        r, c = u * stride, v * stride
        window = X[r : r + size, c : c + size]
        i, j = np.unravel_index(window.argmax(), window.shape)
        grad[r + i, c + j] = d
    return grad


# %% ex2-b: every one of the equal winners gets the whole error
def max_pool_back(delta, X, size, stride):
    grad = np.zeros(X.shape)
    for (u, v), d in np.ndenumerate(delta):
        r, c = u * stride, v * stride
        window = X[r : r + size, c : c + size]
        grad[r : r + size, c : c + size] += d * (window == window.max())
    return grad


# %% ex2-b: the last of the equal winners wins
def max_pool_back(delta, X, size, stride):
    grad = np.zeros(X.shape)
    for (u, v), d in np.ndenumerate(delta):
        r, c = u * stride, v * stride
        window = X[r : r + size, c : c + size]
        i, j = np.argwhere(window == window.max())[-1]
        grad[r + i, c + j] += d
    return grad


# %% ex2-b: takes the stride for the size of the window
def max_pool_back(delta, X, size, stride):
    grad = np.zeros(X.shape)
    for (u, v), d in np.ndenumerate(delta):
        r, c = u * stride, v * stride
        window = X[r : r + stride, c : c + stride]
        i, j = np.unravel_index(window.argmax(), window.shape)
        grad[r + i, c + j] += d
    return grad


# %% ex3: overflows for large numbers
def smooth_max(x, s):
    with np.errstate(all="ignore"):
        powers = np.exp(s * x)
        return np.log(powers.sum()) / s, powers / powers.sum()


# %% ex3: forgets to divide by the sharpness
def smooth_max(x, s):
    highest = np.max(x)
    powers = np.exp(s * (x - highest))
    return highest + np.log(powers.sum()), powers / powers.sum()


# %% ex3: forgets that the sharpness cancels in the gradient
def smooth_max(x, s):
    highest = np.max(x)
    powers = np.exp(s * (x - highest))
    return highest + np.log(powers.sum()) / s, s * powers / powers.sum()


# %% ex3: softmax without the sharpness
def smooth_max(x, s):
    highest = np.max(x)
    powers = np.exp(x - highest)
    value = highest + np.log(np.exp(s * (x - highest)).sum()) / s
    return value, powers / powers.sum()


# %% ex4: forgets to turn the kernel
def back(delta, weight):
    m, n = weight.shape[2:]
    return conv2d(delta, weight.swapaxes(0, 1), padding=(m - 1, n - 1))


# %% ex4: forgets to exchange the roles of the maps
def back(delta, weight):
    m, n = weight.shape[2:]
    return conv2d(delta, weight[:, :, ::-1, ::-1], padding=(m - 1, n - 1))


# %% ex4: transposes the kernel instead of turning it
def back(delta, weight):
    m, n = weight.shape[2:]
    turned = weight.swapaxes(0, 1).swapaxes(2, 3)
    return conv2d(delta, turned, padding=(n - 1, m - 1))


# %% ex4: turns the rows only
def back(delta, weight):
    m, n = weight.shape[2:]
    turned = weight[:, :, ::-1].swapaxes(0, 1)
    return conv2d(delta, turned, padding=(m - 1, n - 1))


# %% ex5-a: adds the whole kernel each time
fields = [6, 9, 8, 6, 9]

# %% ex5-a: forgets that a stride widens the later kernels
fields = [5, 7, 6, 5, 15]

# %% ex5-a: forgets the dilation
fields = [5, 7, 8, 7, 7]


# %% ex5-b: uses the stride of a layer for the layer itself
def field(layers):
    r, step = 1, 1
    for kernel_size, stride, dilation in layers:
        step *= stride
        r += dilation * (kernel_size - 1) * step
    return r


# %% ex5-b: ignores the dilation
def field(layers):
    r, step = 1, 1
    for kernel_size, stride, _ in layers:
        r += (kernel_size - 1) * step
        step *= stride
    return r


# %% ex5-b: goes back to front with kernel sizes only
def field(layers):
    r = 1
    for kernel_size, stride, dilation in reversed(layers):
        r = r * stride + dilation * (kernel_size - 1)
    return r


# %% ex6-a: mixes the channels
def mean_weight(channels, size):
    return np.full((channels, channels, size, size), 1 / size**2)


# %% ex6-a: a mean over the channels as well
def mean_weight(channels, size):
    return np.full((channels, channels, size, size), 1 / (channels * size**2))


# %% ex6-a: one kernel a channel, as groups would have it
def mean_weight(channels, size):
    return np.full((channels, 1, size, size), 1 / size**2)


# %% ex6-b: forgets that each output sums over all maps
costs = [
    (32 * 4, 14 * 14 * 32 * 4),
    (32 * 9, 28 * 28 * 32 * 9),
    (32 * 9, 14 * 14 * 32 * 9),
]

# %% ex6-b: pools before it counts
costs = [
    (32 * 32 * 4, 14 * 14 * 32 * 32 * 4),
    (32 * 32 * 9, 14 * 14 * 32 * 32 * 9),
    (32 * 32 * 9, 14 * 14 * 32 * 32 * 9),
]

# %% ex6-b: counts multiplications as if there were no stride
costs = [
    (32 * 32 * 4, 28 * 28 * 32 * 32 * 4),
    (32 * 32 * 9, 28 * 28 * 32 * 32 * 9),
    (32 * 32 * 9, 28 * 28 * 32 * 32 * 9),
]

# %% ex7: a shape and the same shape elsewhere
a, b = np.zeros((28, 28)), np.zeros((28, 28))
a[4:14, 4:7] = b[10:20, 15:18] = 1

# %% ex7: a picture and its mirror image
a = np.zeros((28, 28))
a[4:20, 5] = a[19, 5:15] = 1
b = a[:, ::-1]

# %% ex7: the two bars touch in one of them
a, b = np.zeros((28, 28)), np.zeros((28, 28))
for picture, distance in ((a, 1), (b, 16)):
    picture[4:24, 3] = picture[8:14, 3 + distance] = 1

# %% ex7: one of them is cut off at the border
a, b = np.zeros((28, 28)), np.zeros((28, 28))
for picture, distance in ((a, 8), (b, 24)):
    picture[4:24, 3] = picture[8:14, 3 + distance] = 1

# %% ex7: as many bright pixels, in another shape
a, b = np.zeros((28, 28)), np.zeros((28, 28))
a[5:10, 5:11] = b[5:8, 5:15] = 1
