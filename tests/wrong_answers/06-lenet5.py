"""Plausible wrong answers to exercises/06-lenet5.ipynb."""

# %% ex1: pads C1 and C3, so that the sizes are halved only
sizes = [40, 20, 20, 10, 1]
parameters = [208, 16, 650, 40, 100 * (20 * 100 + 1), 6_060, 610]
connections = [
    *(208 * 40**2, 8 * 5 * 20**2, 650 * 20**2, 20 * 5 * 10**2),
    *(100 * (20 * 100 + 1), 6_060, 610),
]

# %% ex1: C3 sees all maps of S2, as if there were no table
sizes = [36, 18, 16, 8, 1]
parameters = [208, 16, 20 * (8 * 9 + 1), 40, 128_100, 6_060, 610]
connections = [269_568, 12_960, 1_460 * 256, 6_400, 128_100, 6_060, 610]

# %% ex1: one bias for each kernel of the table
sizes = [36, 18, 16, 8, 1]
parameters = [208, 16, 70 * 10, 40, 128_100, 6_060, 610]
connections = [269_568, 12_960, 700 * 256, 6_400, 128_100, 6_060, 610]

# %% ex1: a neuron of a subsampling layer has two connections, like its parameters
sizes = [36, 18, 16, 8, 1]
parameters = [208, 16, 650, 40, 128_100, 6_060, 610]
connections = [269_568, 16 * 18**2, 166_400, 40 * 8**2, 128_100, 6_060, 610]


# %% ex2-a: the neighbours end at map 5, there is no ring
def table():
    marks = np.zeros((16, 6), bool)
    for k in range(6):
        marks[k, k : k + 3] = True
        marks[6 + k, k : k + 4] = True
    for k in range(3):
        for step in (0, 1, 3, 4):
            marks[12 + k, (k + step) % 6] = True
    marks[15] = True
    return marks


# %% ex2-a: maps 6 to 11 begin one map too late
def table():
    marks = np.zeros((16, 6), bool)
    for k in range(6):
        for step in range(3):
            marks[k, (k + step) % 6] = True
        for step in range(4):
            marks[6 + k, (k + step + 1) % 6] = True
    for k in range(3):
        for step in (0, 1, 3, 4):
            marks[12 + k, (k + step) % 6] = True
    marks[15] = True
    return marks


# %% ex2-a: the table lies on its side
def table():
    marks = np.zeros((6, 16), bool)
    for k in range(6):
        for step in range(3):
            marks[(k + step) % 6, k] = True
        for step in range(4):
            marks[(k + step) % 6, 6 + k] = True
    for k in range(3):
        for step in (0, 1, 3, 4):
            marks[(k + step) % 6, 12 + k] = True
    marks[:, 15] = True
    return marks


# %% ex2-b: a bias for each kernel
def cost(table, kernel_size, size):
    kernels = int(np.sum(table))
    parameters = kernels * (kernel_size**2 + 1)
    return kernels, parameters, parameters * size**2


# %% ex2-b: the connections leave out the bias
def cost(table, kernel_size, size):
    kernels = int(np.sum(table))
    parameters = kernels * kernel_size**2 + len(table)
    return kernels, parameters, kernels * kernel_size**2 * size**2


# %% ex2-c: counts map 9 as if the groups began at map 0
marks = {3, 4, 5}
uneven = {3}

# %% ex2-c: the neighbours go on after map 0 and not before map 4
marks = {4, 5, 0, 1}
uneven = {1}

# %% ex3-a: at every place of S2's maps
added = (900, 900 * 14 * 14)

# %% ex3-a: the whole layer in place of the difference
added = (2_416, 241_600)


# %% ex3-b: measures on what it has learnt from
def accuracy(table, seed, train, test):
    seed_everything(seed)
    model = LeNet5()
    model.c3 = TableConv2d(table, 5)
    fit(model, train, epochs=4, batch_size=20, seed=seed, progress=False)
    return evaluate(model, train).accuracy


# %% ex3-b: seeds only after the weights are drawn
def accuracy(table, seed, train, test):
    model = LeNet5()
    model.c3 = TableConv2d(table, 5)
    seed_everything(seed)
    fit(model, train, epochs=4, batch_size=20, seed=seed, progress=False)
    return evaluate(model, test).accuracy


# %% ex3-b: forgets the table
def accuracy(table, seed, train, test):
    seed_everything(seed)
    model = LeNet5()
    model.c3 = TableConv2d(CONNECTIONS, 5)
    fit(model, train, epochs=4, batch_size=20, seed=seed, progress=False)
    return evaluate(model, test).accuracy


# %% ex3-b: returns per cent
def accuracy(table, seed, train, test):
    seed_everything(seed)
    model = LeNet5()
    model.c3 = TableConv2d(table, 5)
    fit(model, train, epochs=4, batch_size=20, seed=seed, progress=False)
    return 100 * evaluate(model, test).accuracy


# %% ex3-c: three times the same seed
results = {
    name: [accuracy(table, 0, few, unseen)] * 3
    for name, table in (("table", CONNECTIONS), ("full", torch.ones(16, 6)))
}

# %% ex3-c: both times the same table
results = {
    name: [accuracy(CONNECTIONS, seed, few, unseen) for seed in range(3)]
    for name in ("table", "full")
}


# %% ex4: the step of a layer's own stride is forgotten below
def rows_seen(layer, u):
    size = {"C1": 5, "S2": 6, "C3": 14, "S4": 16, "C5": 32}[layer]
    return u, u + size - 1


# %% ex4: the row after the last, as slices count
def rows_seen(layer, u):
    step, size = {
        "C1": (1, 5),
        "S2": (2, 6),
        "C3": (2, 14),
        "S4": (4, 16),
        "C5": (4, 32),
    }[layer]
    return u * step, u * step + size


# %% ex4: the step of C3 is that of S4
def rows_seen(layer, u):
    step, size = {
        "C1": (1, 5),
        "S2": (2, 6),
        "C3": (4, 14),
        "S4": (8, 16),
        "C5": (8, 32),
    }[layer]
    return u * step, u * step + size - 1


# %% ex4: the window is centred on the neuron's row
def rows_seen(layer, u):
    size = {"C1": 5, "S2": 6, "C3": 14, "S4": 16, "C5": 32}[layer]
    step = {"C1": 1, "S2": 2, "C3": 2, "S4": 4, "C5": 4}[layer]
    first = max(0, u * step - size // 2 + 2) if layer != "C1" else u
    return first, first + size - 1


# %% ex5-a: takes the mean, as today's pooling does
def subsample(x, w, b):
    C, H, W = x.shape
    means = x.reshape(C, H // 2, 2, W // 2, 2).mean(axis=(2, 4))
    a = w[:, None, None] * means + b[:, None, None]
    return 1.7159 * np.tanh(2 * a / 3)


# %% ex5-a: one weight for all maps
def subsample(x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    return 1.7159 * np.tanh(2 * (w[0] * sums + b[0]) / 3)


# %% ex5-a: rows and columns of a window come apart
def subsample(x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, W // 2, 4).sum(axis=3)
    a = w[:, None, None] * sums + b[:, None, None]
    return 1.7159 * np.tanh(2 * a / 3)


# %% ex5-a: a plain tanh
def subsample(x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    return np.tanh(w[:, None, None] * sums + b[:, None, None])


# %% ex5-b: forgets the slope of f
def subsample_back(delta, x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    grad_x = (delta * w[:, None, None]).repeat(2, axis=1).repeat(2, axis=2)
    return grad_x, (delta * sums).sum(axis=(1, 2)), delta.sum(axis=(1, 2))


# %% ex5-b: spreads the error as a mean does, a quarter to each pixel
def subsample_back(delta, x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    a = w[:, None, None] * sums + b[:, None, None]
    before = delta * 1.7159 * 2 / 3 * (1 - np.tanh(2 * a / 3) ** 2)
    grad_x = (before * w[:, None, None] / 4).repeat(2, axis=1).repeat(2, axis=2)
    return grad_x, (before * sums).sum(axis=(1, 2)), before.sum(axis=(1, 2))


# %% ex5-b: the slope without its inner factor
def subsample_back(delta, x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    a = w[:, None, None] * sums + b[:, None, None]
    before = delta * 1.7159 * (1 - np.tanh(2 * a / 3) ** 2)
    grad_x = (before * w[:, None, None]).repeat(2, axis=1).repeat(2, axis=2)
    return grad_x, (before * sums).sum(axis=(1, 2)), before.sum(axis=(1, 2))


# %% ex5-b: takes f for tanh in the slope
def subsample_back(delta, x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    a = w[:, None, None] * sums + b[:, None, None]
    y = 1.7159 * np.tanh(2 * a / 3)
    before = delta * 1.7159 * 2 / 3 * (1 - y**2)
    grad_x = (before * w[:, None, None]).repeat(2, axis=1).repeat(2, axis=2)
    return grad_x, (before * sums).sum(axis=(1, 2)), before.sum(axis=(1, 2))


# %% ex5-b: forgets the weight on the way to x
def subsample_back(delta, x, w, b):
    C, H, W = x.shape
    sums = x.reshape(C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))
    a = w[:, None, None] * sums + b[:, None, None]
    before = delta * 1.7159 * 2 / 3 * (1 - np.tanh(2 * a / 3) ** 2)
    grad_x = before.repeat(2, axis=1).repeat(2, axis=2)
    return grad_x, (before * sums).sum(axis=(1, 2)), before.sum(axis=(1, 2))


# %% ex6-a: compares neighbours only
codes = digit_codes()
different = (codes[1:] != codes[:-1]).sum(dim=1)
distance = int(different.min())
closest = {int(different.argmin()), int(different.argmin()) + 1}
safe = (distance - 1) // 2

# %% ex6-a: all signs but one may be wrong
codes = digit_codes()
different = (codes[:, None] != codes).sum(dim=2)
different.fill_diagonal_(85)
closest = set(divmod(int(different.argmin()), 10))
distance = int(different.min())
safe = distance - 1

# %% ex6-a: a squared distance in place of a number of pixels
codes = digit_codes()
different = (codes[:, None] - codes).square().sum(dim=2)
different.fill_diagonal_(1000)
closest = set(divmod(int(different.argmin()), 10))
distance = int(different.min())
safe = (distance - 1) // 2

# %% ex6-a: rounds half up
codes = digit_codes()
different = (codes[:, None] != codes).sum(dim=2)
different.fill_diagonal_(85)
closest = set(divmod(int(different.argmin()), 10))
distance = int(different.min())
safe = (distance + 1) // 2


# %% ex6-b: forgets the factor two
def as_linear(codes):
    return codes, -codes.square().sum(dim=1)


# %% ex6-b: no bias, which codes of plus and minus one forgive
def as_linear(codes):
    return 2 * codes, torch.zeros(len(codes), dtype=codes.dtype)


# %% ex6-b: the bias has the wrong sign
def as_linear(codes):
    return 2 * codes, codes.square().sum(dim=1)


# %% ex6-b: the bias is the number of pixels, true of plus and minus one only
def as_linear(codes):
    bias = torch.full((len(codes),), -float(codes.shape[1]), dtype=codes.dtype)
    return 2 * codes, bias


# %% ex7-a: divides by the sum
def best_patch(kernel, rule):
    if rule == "norm":
        return kernel / np.abs(kernel).sum()
    return np.sign(kernel)


# %% ex7-a: scales the kernel into the box
def best_patch(kernel, rule):
    if rule == "norm":
        return kernel / np.linalg.norm(kernel)
    return kernel / np.abs(kernel).max()


# %% ex7-a: turns the kernel, as a convolution in the strict sense would
def best_patch(kernel, rule):
    kernel = kernel[::-1, ::-1]
    if rule == "norm":
        return kernel / np.linalg.norm(kernel)
    return np.sign(kernel)


# %% ex7-a: pixels from 0 to 1
def best_patch(kernel, rule):
    if rule == "norm":
        return kernel / np.linalg.norm(kernel)
    return (kernel > 0).astype(float)


# %% ex7-b: goes down
def excite(model, layer, k, steps=50, rate=50.0):
    image = torch.full((1, 1, 32, 32), 0.5)
    for _ in range(steps):
        image.requires_grad_()
        answer = feature_maps(model, image, grad=True)[layer][0, k].mean()
        (slope,) = torch.autograd.grad(answer, image)
        image = (image.detach() - rate * slope).clamp(0, 1)
    return image


# %% ex7-b: lets the pixels run away
def excite(model, layer, k, steps=50, rate=50.0):
    image = torch.full((1, 1, 32, 32), 0.5)
    for _ in range(steps):
        image.requires_grad_()
        answer = feature_maps(model, image, grad=True)[layer][0, k].mean()
        (slope,) = torch.autograd.grad(answer, image)
        image = image.detach() + rate * slope
    return image


# %% ex7-b: excites all maps of the layer at once
def excite(model, layer, k, steps=50, rate=50.0):
    image = torch.full((1, 1, 32, 32), 0.5)
    for _ in range(steps):
        image.requires_grad_()
        answer = feature_maps(model, image, grad=True)[layer].mean()
        (slope,) = torch.autograd.grad(answer, image)
        image = (image.detach() + rate * slope).clamp(0, 1)
    return image


# %% ex7-b: takes the image and not the map, and gets the brightest picture
def excite(model, layer, k, steps=50, rate=50.0):
    return torch.full((1, 1, 32, 32), 0.5 if steps == 0 else 1.0)


# %% ex7-b: begins with black, where some maps have no slope to climb
def excite(model, layer, k, steps=50, rate=50.0):
    image = torch.zeros(1, 1, 32, 32)
    for _ in range(steps):
        image.requires_grad_()
        answer = feature_maps(model, image, grad=True)[layer][0, k].mean()
        (slope,) = torch.autograd.grad(answer, image)
        image = (image.detach() + rate * slope).clamp(0, 1)
    return image


# %% ex7-b: steps by the sign of the gradient
def excite(model, layer, k, steps=50, rate=50.0):
    image = torch.full((1, 1, 32, 32), 0.5)
    for _ in range(steps):
        image.requires_grad_()
        answer = feature_maps(model, image, grad=True)[layer][0, k].mean()
        (slope,) = torch.autograd.grad(answer, image)
        image = (image.detach() + rate * slope.sign()).clamp(0, 1)
    return image
