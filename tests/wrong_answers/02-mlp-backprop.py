"""Plausible wrong answers to exercises/02-mlp-backprop.ipynb."""


# %% ex1-a: forgets that the error is a mean
def squared_error_slope(y, d):
    return 2 * (y - d)


# %% ex1-a: forgets the 2
def squared_error_slope(y, d):
    return (y - d) / len(y)


# %% ex1-a: divides by 2, not by n
def squared_error_slope(y, d):
    return y - d


# %% ex1-a: wrong sign
def squared_error_slope(y, d):
    return 2 * (d - y) / len(y)


# %% ex1-b: gives delta behind the softmax, not the slope in y
def cross_entropy_slope(y, d):
    return y - d


# %% ex1-b: wrong sign
def cross_entropy_slope(y, d):
    return d / y


# %% ex1-b: the slope of the desired output only, as if d were a label
def cross_entropy_slope(y, d):
    slope = np.zeros(len(y))
    slope[np.argmax(d)] = -1 / y[np.argmax(d)]
    return slope


# %% ex1-b: gives E itself
def cross_entropy_slope(y, d):
    return d * np.log(y)


# %% ex2: lets delta through the unit that is off
error = 2.5
delta_out = [-1, 2]
delta_hidden = [5, -4, 3]
grad_W1 = [[5, 10], [-4, -8], [3, 6]]
grad_W2 = [[0, -1, -2], [0, 2, 4]]

# %% ex2: forgets the mean over two outputs
error = 5
delta_out = [-2, 4]
delta_hidden = [0, -8, 6]
grad_W1 = [[0, 0], [-8, -16], [6, 12]]
grad_W2 = [[0, -2, -4], [0, 4, 8]]

# %% ex2: d - y in place of y - d
error = 2.5
delta_out = [1, -2]
delta_hidden = [0, 4, -3]
grad_W1 = [[0, 0], [4, 8], [-3, -6]]
grad_W2 = [[0, 1, 2], [0, -2, -4]]

# %% ex2: forward without the ReLU
error = 1.25
delta_out = [-1.5, 0.5]
delta_hidden = [0, -3.5, 2]
grad_W1 = [[0, 0], [-3.5, -7], [2, 4]]
grad_W2 = [[0.75, -1.5, -3], [-0.25, 0.5, 1]]

# %% ex2: slopes with a where z belongs
error = 2.5
delta_out = [-1, 2]
delta_hidden = [0, -4, 3]
grad_W1 = [[0, 0], [-4, -8], [3, 6]]
grad_W2 = [[0.5, -1, -2], [-1, 2, 4]]


# %% ex3-a: forgets to transpose W
def forward(Z, W, b):
    return Z @ W + b


# %% ex3-a: W z + b, for a column and not for rows
def forward(Z, W, b):
    return (W @ Z.T).T + b[0]


# %% ex3-a: forgets the bias of all units but the first
def forward(Z, W, b):
    A = Z @ W.T
    A[0] = A[0] + b
    return A


# %% ex3-b: mean over the batch, which delta contains already
def backward(delta, Z, W):
    n = len(Z)
    return delta.T @ Z / n, delta.mean(axis=0), delta @ W


# %% ex3-b: the slope of W transposed
def backward(delta, Z, W):
    return Z.T @ delta, delta.sum(axis=0), delta @ W


# %% ex3-b: W transposed on the way back
def backward(delta, Z, W):
    return delta.T @ Z, delta.sum(axis=0), delta @ W.T


# %% ex3-b: the bias keeps a row for each example
def backward(delta, Z, W):
    return delta.T @ Z, delta, delta @ W


# %% ex3-b: only the first example
def backward(delta, Z, W):
    return np.outer(delta[0], Z[0]), delta[0], delta @ W


# %% ex3-b: works in place and changes delta
def backward(delta, Z, W):
    grad_W, grad_Z = delta.T @ Z, delta @ W
    for k in range(1, len(delta)):
        delta[0] += delta[k]
    return grad_W, delta[0].copy(), grad_Z


# %% ex4-a: forgets alpha
def elu(a, alpha=1.0):
    return np.where(a > 0, a, np.exp(np.minimum(a, 0)) - 1)


# %% ex4-a: exp of large numbers overflows
def elu(a, alpha=1.0):
    return np.where(a > 0, a, alpha * (np.exp(a) - 1))


# %% ex4-a: alpha in the wrong place
def elu(a, alpha=1.0):
    return np.where(a > 0, a, np.exp(alpha * np.minimum(a, 0)) - 1)


# %% ex4-b: h + 1 in place of h + alpha
def elu_slope(a, alpha=1.0):
    return np.where(a > 0, 1, alpha * (np.exp(np.minimum(a, 0)) - 1) + 1)


# %% ex4-b: the function, not its slope
def elu_slope(a, alpha=1.0):
    return np.where(a > 0, 1, alpha * (np.exp(np.minimum(a, 0)) - 1))


# %% ex4-b: at 0 the slope from the right
def elu_slope(a, alpha=1.0):
    return np.where(a >= 0, 1, alpha * np.exp(np.minimum(a, 0)))


# %% ex4-b: exp of large numbers overflows
def elu_slope(a, alpha=1.0):
    return np.where(a > 0, 1, alpha * np.exp(a))


# %% ex4-c: takes the function for its slope
smooth_alpha = 0.0


# %% ex5: forward differences
def gradient(f, x, step=1e-5):
    x = np.array(x, dtype=float)
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above = x.copy()
        above[index] += step
        slopes[index] = (f(above) - f(x)) / step
    return slopes


# %% ex5: changes x and leaves it changed
def gradient(f, x, step=1e-5):
    slopes = np.zeros(np.shape(x))
    for index in np.ndindex(np.shape(x)):
        x[index] += step
        above = f(x)
        x[index] -= 2 * step
        slopes[index] = (above - f(x)) / (2 * step)
    return slopes


# %% ex5: vectors only
def gradient(f, x, step=1e-5):
    x = np.array(x, dtype=float)
    return np.array(
        [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    )


# %% ex5: whole numbers swallow the step
def gradient(f, x, step=1e-5):
    slopes = np.zeros(np.shape(x))
    for index in np.ndindex(np.shape(x)):
        above, below = np.array(x), np.array(x)
        above[index] += step
        below[index] -= step
        slopes[index] = (f(above) - f(below)) / (2 * step)
    return slopes


# %% ex5: moves all coordinates at once
def gradient(f, x, step=1e-5):
    x = np.array(x, dtype=float)
    slope = (f(x + step) - f(x - step)) / (2 * step)
    return slope * x / x.sum()


# %% ex5: divides by the step once, not twice
def gradient(f, x, step=1e-5):
    x = np.array(x, dtype=float)
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        slopes[index] = (f(above) - f(below)) / step
    return slopes


# %% ex6-a: any in place of all
def dead(net, X):
    net.forward(X)
    return (net.a[0] <= 0).any(axis=0)


# %% ex6-a: below 0 only
def dead(net, X):
    net.forward(X)
    return (net.a[0] < 0).all(axis=0)


# %% ex6-a: the wrong axis
def dead(net, X):
    net.forward(X)
    return (net.a[0] <= 0).all(axis=1)


# %% ex6-a: looks at the mean over the examples
def dead(net, X):
    net.forward(X)
    return net.a[0].mean(axis=0) <= 0


# %% ex6-b: counts units instead of their share
def share_dead(rate):
    net = MLP([784, 100, 10], "relu", seed=0)
    fit(net, digits, labels, epochs=2, learning_rate=rate)
    net.forward(digits)
    return (net.a[0] <= 0).all(axis=0).sum()


# %% ex6-b: forgets to hand on the learning rate
def share_dead(rate):
    net = MLP([784, 100, 10], "relu", seed=0)
    fit(net, digits, labels, epochs=2)
    net.forward(digits)
    return (net.a[0] <= 0).all(axis=0).mean()


# %% ex6-b: tanh, which never dies
def share_dead(rate):
    net = MLP([784, 100, 10], "tanh", seed=0)
    fit(net, digits, labels, epochs=2, learning_rate=rate)
    net.forward(digits)
    return (net.z[1] == 0).all(axis=0).mean()


# %% ex7-a: forgets the biases
cifar = 788_992
one_neuron = 120_000
windows = 12_250_000
shared = 980

# %% ex7-a: a bias for each pixel of the shared windows
cifar = 789_258
one_neuron = 120_001
windows = 12_250_000
shared = 20 * (49 + 250_000)

# %% ex7-a: forgets the colours
cifar = 264_970
one_neuron = 40_001
windows = 12_250_000
shared = 1_000


# %% ex7-b: forgets the biases
def parameters(sizes):
    if list(sizes) == [1, 1]:
        return 2
    return sum(a * b for a, b in zip(sizes, sizes[1:]))


# %% ex7-b: biases for the input, too
def parameters(sizes):
    return sum(a * b for a, b in zip(sizes, sizes[1:])) + sum(sizes) - 1


# %% ex7-b: the first layer only
def parameters(sizes):
    return (sizes[0] + 1) * sizes[1]
