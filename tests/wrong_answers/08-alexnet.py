"""Plausible wrong answers to exercises/08-alexnet.ipynb."""


# %% ex1-a: only where the division comes out even
def paddings(n, kernel_size, stride, size):
    return [
        p for p in range(kernel_size) if n + 2 * p - kernel_size == (size - 1) * stride
    ]


# %% ex1-a: pads one side only
def paddings(n, kernel_size, stride, size):
    return [
        p
        for p in range(kernel_size)
        if n + p >= kernel_size and (n + p - kernel_size) // stride + 1 == size
    ]


# %% ex1-a: stops at the first
def paddings(n, kernel_size, stride, size):
    for p in range(kernel_size):
        if (n + 2 * p - kernel_size) // stride + 1 == size:
            return [p]
    return []


# %% ex1-a: paddings as large as the kernel
def paddings(n, kernel_size, stride, size):
    return [
        p
        for p in range(kernel_size + 1)
        if n + 2 * p >= kernel_size and (n + 2 * p - kernel_size) // stride + 1 == size
    ]


# %% ex1-b: the remainder, padding and all
def left_out(n, kernel_size, stride, padding):
    return (n + 2 * padding - kernel_size) % stride


# %% ex1-b: no gaps between windows
def left_out(n, kernel_size, stride, padding):
    return max(0, (n + 2 * padding - kernel_size) % stride - padding)


# %% ex1-b: takes the padding off on both sides
def left_out(n, kernel_size, stride, padding):
    return max(0, (n + 2 * padding - kernel_size) % stride - 2 * padding)


# %% ex1-c: conv2 as it was
repaired = {"conv1": 2, "conv2": 1, "conv3": 1}
gone = 11_534_336

# %% ex1-c: half of the kernel everywhere
repaired = {"conv1": 5, "conv2": 2, "conv3": 1}
gone = 11_534_336

# %% ex1-c: counts the parameters that are left
repaired = {"conv1": 2, "conv2": 2, "conv3": 1}
gone = 49_430_888

# %% ex1-c: a single neuron sees fewer maps
repaired = {"conv1": 2, "conv2": 2, "conv3": 1}
gone = 256 * (6 * 6 - 5 * 5)

# %% ex2: rounds up
sides = [48, 24, 24, 12, 12, 12, 6]
parameters = [3_552, 19_264, 55_392, 41_568, 500 * (96 * 36 + 1), 10_020]
products = [
    *(24 * 147 * 48**2, 64 * 300 * 24**2, 96 * 576 * 144, 96 * 432 * 144),
    *(500 * 96 * 36, 10_000),
]
joined = 60_672

# %% ex2: forgets the groups
sides = [47, 23, 23, 11, 11, 11, 5]
parameters = [3_552, 64 * 601, 55_392, 96 * 865, 1_200_500, 10_020]
products = [7_793_352, 20_313_600, 6_690_816, 10_036_224, 1_200_000, 10_000]
joined = 0

# %% ex2: groups every layer
sides = [47, 23, 23, 11, 11, 11, 5]
parameters = [3_552, 19_264, 96 * (32 * 9 + 1), 41_568, 1_200_500, 10_020]
products = [7_793_352, 10_156_800, 3_345_408, 5_018_112, 1_200_000, 10_000]
joined = 60_672

# %% ex2: MACs with biases
sides = [47, 23, 23, 11, 11, 11, 5]
parameters = [3_552, 19_264, 55_392, 41_568, 1_200_500, 10_020]
products = [n * s**2 for n, s in zip(parameters, (47, 23, 11, 11, 1, 1), strict=True)]
joined = 60_672

# %% ex2: one layer joined
sides = [47, 23, 23, 11, 11, 11, 5]
parameters = [3_552, 19_264, 55_392, 41_568, 1_200_500, 10_020]
products = [7_793_352, 10_156_800, 6_690_816, 5_018_112, 1_200_000, 10_000]
joined = 96 * 48 * 9


# %% ex3-a: always two groups
def grouped_conv2d(x, weight, bias, groups, padding):
    parts = zip(x.chunk(2, 1), weight.chunk(2), bias.chunk(2), strict=True)
    return torch.cat([F.conv2d(a, w, b, padding=padding) for a, w, b in parts], 1)


# %% ex3-a: deals the maps like cards
def grouped_conv2d(x, weight, bias, groups, padding):
    y = [
        F.conv2d(x[:, g::groups], weight[g::groups], bias[g::groups], padding=padding)
        for g in range(groups)
    ]
    return torch.stack(y, 2).flatten(1, 2)


# %% ex3-a: adds the groups up
def grouped_conv2d(x, weight, bias, groups, padding):
    parts = zip(x.chunk(groups, 1), weight.chunk(groups), bias.chunk(groups))
    return sum(F.conv2d(a, w, b, padding=padding) for a, w, b in parts)


# %% ex3-a: forgets the bias of all groups but the first
def grouped_conv2d(x, weight, bias, groups, padding):
    parts = zip(x.chunk(groups, 1), weight.chunk(groups), strict=True)
    y = torch.cat([F.conv2d(a, w, padding=padding) for a, w in parts], 1)
    y[:, : len(bias) // groups] += bias[: len(bias) // groups, None, None]
    return y


# %% ex3-a: leaves the groups to F.conv2d
def grouped_conv2d(x, weight, bias, groups, padding):
    return F.conv2d(x, weight, bias, padding=padding, groups=groups)


# %% ex3-b: every kernel sees the first maps
def as_dense(weight, groups):
    dense = weight.new_zeros(len(weight), weight.shape[1] * groups, *weight.shape[2:])
    dense[:, : weight.shape[1]] = weight
    return dense


# %% ex3-b: the same weights for all groups
def as_dense(weight, groups):
    return weight.repeat(1, groups, 1, 1)


# %% ex3-b: two groups only
def as_dense(weight, groups):
    if groups == 1:
        return weight
    dense = weight.new_zeros(len(weight), weight.shape[1] * groups, *weight.shape[2:])
    half = len(weight) // 2
    dense[:half, : weight.shape[1]] = weight[:half]
    dense[half:, -weight.shape[1] :] = weight[half:]
    return dense


# %% ex3-c: divides both channels by the groups
def macs(in_channels, out_channels, kernel_size, size, groups):
    each = in_channels // groups * kernel_size**2
    return out_channels // groups * each * size**2


# %% ex3-c: forgets the places
def macs(in_channels, out_channels, kernel_size, size, groups):
    return out_channels * (in_channels // groups) * kernel_size**2


# %% ex3-c: halves whatever is grouped
def macs(in_channels, out_channels, kernel_size, size, groups):
    whole = out_channels * in_channels * kernel_size**2 * size**2
    return whole if groups == 1 else whole // 2


# %% ex4-a: leaves itself out of the sum
b = [1 / 5, 2 / 3, 1 / 14, 3 / 2]
b_towers = [1 / 5, 2 / 2, 1 / 10, 3 / 2]

# %% ex4-a: the first and the last are neighbours
b = [1 / 15, 2 / 7, 1 / 15, 3 / 12]
b_towers = [1 / 15, 2 / 6, 1 / 11, 3 / 12]

# %% ex4-a: the towers make no difference
b = [1 / 6, 2 / 7, 1 / 15, 3 / 11]
b_towers = [1 / 6, 2 / 7, 1 / 15, 3 / 11]

# %% ex4-a: adds activities and not their squares
b = [1 / 4, 2 / 5, 1 / 7, 3 / 5]
b_towers = [1 / 4, 2 / 4, 1 / 5, 3 / 5]


# %% ex4-b: divides alpha by n, as torch does
def local_response(a, n, alpha, beta, k):
    maps, beside = a.shape[1], n // 2
    squares = np.pad(a**2, [(0, 0), (beside, beside), (0, 0), (0, 0)])
    sums = sum(squares[:, j : j + maps] for j in range(n))
    return a / (k + alpha / n * sums) ** beta


# %% ex4-b: neighbours in a ring
def local_response(a, n, alpha, beta, k):
    sums = sum(np.roll(a**2, j, axis=1) for j in range(-(n // 2), n // 2 + 1))
    return a / (k + alpha * sums) ** beta


# %% ex4-b: neighbouring rows and not maps
def local_response(a, n, alpha, beta, k):
    rows, beside = a.shape[2], n // 2
    squares = np.pad(a**2, [(0, 0), (0, 0), (beside, beside), (0, 0)])
    sums = sum(squares[:, :, j : j + rows] for j in range(n))
    return a / (k + alpha * sums) ** beta


# %% ex4-b: one neighbour on each side, whatever n is
def local_response(a, n, alpha, beta, k):
    maps = a.shape[1]
    squares = np.pad(a**2, [(0, 0), (1, 1), (0, 0), (0, 0)])
    sums = sum(squares[:, j : j + maps] for j in range(3))
    return a / (k + alpha * sums) ** beta


# %% ex4-b: works in the given array
def local_response(a, n, alpha, beta, k):
    maps, beside = a.shape[1], n // 2
    squares = np.pad(a**2, [(0, 0), (beside, beside), (0, 0), (0, 0)])
    a /= (k + alpha * sum(squares[:, j : j + maps] for j in range(n))) ** beta
    return a


# %% ex4-c: local response scales away as batch normalisation does
of_local = {4, 6, 7}
of_batch = {1, 2, 3, 5, 6}

# %% ex4-c: both mix maps
of_local = {4, 7}
of_batch = {1, 2, 3, 4, 5, 6}

# %% ex4-c: batch normalisation leaves zeros alone
of_local = {4, 7}
of_batch = {1, 2, 3, 5, 6, 7}


# %% ex5-a: a plain mean
def combine(gradients, sizes):
    return {
        name: sum(g[name] for g in gradients) / len(gradients) for name in gradients[0]
    }


# %% ex5-a: a sum, not divided
def combine(gradients, sizes):
    return {
        name: sum(n * g[name] for n, g in zip(sizes, gradients, strict=True))
        for name in gradients[0]
    }


# %% ex5-a: weighs the wrong way round
def combine(gradients, sizes):
    return {
        name: sum(g[name] / n for n, g in zip(sizes, gradients, strict=True))
        / sum(1 / n for n in sizes)
        for name in gradients[0]
    }


# %% ex5-a: adds up in the first device's tensors
def combine(gradients, sizes):
    whole = gradients[0]
    for name in whole:
        whole[name] *= sizes[0] / sum(sizes)
        for n, g in zip(sizes[1:], gradients[1:], strict=True):
            whole[name] += g[name] * n / sum(sizes)
    return whole


# %% ex5-b: the last part only
def shared_out(model, x, y, sizes):
    names, weights = zip(*model.named_parameters(), strict=True)
    for images, labels in zip(x.split(sizes), y.split(sizes), strict=True):
        loss = F.cross_entropy(model(images), labels)
        found = torch.autograd.grad(loss, weights)
    return dict(zip(names, found, strict=True))


# %% ex5-b: a plain mean of the parts
def shared_out(model, x, y, sizes):
    names, weights = zip(*model.named_parameters(), strict=True)
    parts = []
    for images, labels in zip(x.split(sizes), y.split(sizes), strict=True):
        loss = F.cross_entropy(model(images), labels)
        found = torch.autograd.grad(loss, weights)
        parts.append(dict(zip(names, found, strict=True)))
    return {n: sum(p[n] for p in parts) / len(parts) for n in names}


# %% ex5-b: leaves the gradients behind
def shared_out(model, x, y, sizes):
    model.zero_grad()
    for images, labels in zip(x.split(sizes), y.split(sizes), strict=True):
        loss = F.cross_entropy(model(images), labels) * len(labels) / len(y)
        loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters()}


# %% ex5-b: equal parts, whatever the sizes
def shared_out(model, x, y, sizes):
    names, weights = zip(*model.named_parameters(), strict=True)
    parts = []
    for images, labels in zip(x.chunk(len(sizes)), y.chunk(len(sizes)), strict=True):
        loss = F.cross_entropy(model(images), labels)
        found = torch.autograd.grad(loss, weights)
        parts.append(dict(zip(names, found, strict=True)))
    return combine(parts, sizes)


# %% ex5-b: the whole batch at once
def shared_out(model, x, y, sizes):
    names, weights = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(F.cross_entropy(model(x), y), weights)
    return dict(zip(names, found, strict=True))


# %% ex5-c: batch normalisation has gradients, so it is averaged too
exact = {"convolution", "max pooling", "local response", "batch normalisation"}

# %% ex5-c: a mean over devices evens dropout out
exact = {"convolution", "max pooling", "local response", "dropout"}

# %% ex5-c: local response sees other maps
exact = {"convolution", "max pooling"}


# %% ex6-a: measures on what it has learnt from
def accuracy(dropout, seed, train, test):
    seed_everything(seed)
    model = SmallAlexNet(in_channels=1, activation=nn.Tanh, dropout=dropout)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    settings = {"batch_size": 10, "optimizer": sgd, "seed": seed}
    fit(model, train, epochs=3, progress=False, **settings)
    return evaluate(model, train).accuracy


# %% ex6-a: seeds only after the weights are drawn
def accuracy(dropout, seed, train, test):
    model = SmallAlexNet(in_channels=1, activation=nn.Tanh, dropout=dropout)
    seed_everything(seed)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    settings = {"batch_size": 10, "optimizer": sgd, "seed": seed}
    fit(model, train, epochs=3, progress=False, **settings)
    return evaluate(model, test).accuracy


# %% ex6-a: always drops half
def accuracy(dropout, seed, train, test):
    seed_everything(seed)
    model = SmallAlexNet(in_channels=1, activation=nn.Tanh)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    settings = {"batch_size": 10, "optimizer": sgd, "seed": seed}
    fit(model, train, epochs=3, progress=False, **settings)
    return evaluate(model, test).accuracy


# %% ex6-a: ReLU and not tanh
def accuracy(dropout, seed, train, test):
    seed_everything(seed)
    model = SmallAlexNet(in_channels=1, dropout=dropout)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    settings = {"batch_size": 10, "optimizer": sgd, "seed": seed}
    fit(model, train, epochs=3, progress=False, **settings)
    return evaluate(model, test).accuracy


# %% ex6-a: no momentum
def accuracy(dropout, seed, train, test):
    seed_everything(seed)
    model = SmallAlexNet(in_channels=1, activation=nn.Tanh, dropout=dropout)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02)
    settings = {"batch_size": 10, "optimizer": sgd, "seed": seed}
    fit(model, train, epochs=3, progress=False, **settings)
    return evaluate(model, test).accuracy


# %% ex6-a: the same order of the images for all seeds
def accuracy(dropout, seed, train, test):
    seed_everything(seed)
    model = SmallAlexNet(in_channels=1, activation=nn.Tanh, dropout=dropout)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    settings = {"batch_size": 10, "optimizer": sgd}
    fit(model, train, epochs=3, progress=False, **settings)
    return evaluate(model, test).accuracy


# %% ex6-b: twice the same seed
results = {dropout: [accuracy(dropout, 0, few, unseen)] * 2 for dropout in (0.0, 0.5)}

# %% ex6-b: twice the same dropout
results = {
    dropout: [accuracy(0.5, seed, few, unseen) for seed in (0, 1)]
    for dropout in (0.0, 0.5)
}

# %% ex6-b: tests on the training digits
results = {
    dropout: [accuracy(dropout, seed, few, few) for seed in (0, 1)]
    for dropout in (0.0, 0.5)
}


# %% ex7-a: the share of grey
def colour_share(kernels):
    grey = kernels.mean(axis=1, keepdims=True) + 0 * kernels
    axes = (1, 2, 3)
    return (grey**2).sum(axis=axes) / (kernels**2).sum(axis=axes)


# %% ex7-a: takes off the mean of the whole kernel
def colour_share(kernels):
    axes = (1, 2, 3)
    colour = kernels - kernels.mean(axis=axes, keepdims=True)
    return (colour**2).sum(axis=axes) / (kernels**2).sum(axis=axes)


# %% ex7-a: a share of lengths, not of squares
def colour_share(kernels):
    colour = kernels - kernels.mean(axis=1, keepdims=True)
    axes = (1, 2, 3)
    return np.sqrt((colour**2).sum(axis=axes) / (kernels**2).sum(axis=axes))


# %% ex7-b: one side only
def by_chance(first, second, draws, seed):
    rng = np.random.default_rng(seed)
    both, cut = np.concatenate([first, second]), len(first)
    apart = np.mean(first) - np.mean(second)
    hits = 0
    for _ in range(draws):
        dealt = rng.permutation(both)
        hits += dealt[:cut].mean() - dealt[cut:].mean() >= apart - 1e-12
    return hits / draws


# %% ex7-b: strictly further apart
def by_chance(first, second, draws, seed):
    rng = np.random.default_rng(seed)
    both, cut = np.concatenate([first, second]), len(first)
    apart = abs(np.mean(first) - np.mean(second))
    hits = 0
    for _ in range(draws):
        dealt = rng.permutation(both)
        hits += abs(dealt[:cut].mean() - dealt[cut:].mean()) > apart + 1e-12
    return hits / draws


# %% ex7-b: deals into halves
def by_chance(first, second, draws, seed):
    rng = np.random.default_rng(seed)
    both = np.concatenate([first, second])
    apart, cut = abs(np.mean(first) - np.mean(second)), len(both) // 2
    hits = 0
    for _ in range(draws):
        dealt = rng.permutation(both)
        gap = abs(dealt[:cut].mean() - dealt[cut:].mean())
        hits += gap >= apart - 1e-12
    return hits / draws


# %% ex7-b: the same shuffles for all seeds
def by_chance(first, second, draws, seed):
    rng = np.random.default_rng(0)
    both, cut = np.concatenate([first, second]), len(first)
    apart = abs(np.mean(first) - np.mean(second))
    hits = 0
    for _ in range(draws):
        dealt = rng.permutation(both)
        gap = abs(dealt[:cut].mean() - dealt[cut:].mean())
        hits += gap >= apart - 1e-12
    return hits / draws


# %% ex7-b: draws with replacement
def by_chance(first, second, draws, seed):
    rng = np.random.default_rng(seed)
    both, cut = np.concatenate([first, second]), len(first)
    apart = abs(np.mean(first) - np.mean(second))
    hits = 0
    for _ in range(draws):
        dealt = rng.choice(both, len(both))
        gap = abs(dealt[:cut].mean() - dealt[cut:].mean())
        hits += gap >= apart - 1e-12
    return hits / draws
