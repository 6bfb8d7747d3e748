"""Plausible wrong answers to exercises/09-inception.ipynb."""

# %% ex1: forgets the biases
without = 48 * 25 * 480
reduced = 16 * 480 + 48 * 25 * 16
macs = 14**2 * (480 * 16 + 25 * 16 * 48)
limit = 342

# %% ex1: counts the large window only
without = 48 * (25 * 480 + 1)
reduced = 48 * (25 * 16 + 1)
macs = 14**2 * 25 * 16 * 48
limit = 342

# %% ex1: MACs for a single place, and the limit rounded up
without = 48 * (25 * 480 + 1)
reduced = 16 * (480 + 1) + 48 * (25 * 16 + 1)
macs = 480 * 16 + 25 * 16 * 48
limit = 343

# %% ex1: the limit leaves out the cost of the reduction
without = 48 * (25 * 480 + 1)
reduced = 16 * (480 + 1) + 48 * (25 * 16 + 1)
macs = 14**2 * (480 * 16 + 25 * 16 * 48)
limit = 479


# %% ex2-a: always adds biases and batch normalisation
def count(k, batch_norm):
    def layer(n_in, n_out, size):
        return n_in * n_out * size**2 + n_out * (3 if batch_norm else 1)

    total = layer(3, 64, 7) + layer(64, 64, 1) + layer(64, 192, 3)
    channels = 192
    for one, three, five, pool in MODULES.values():
        total += layer(channels, one, 1) + layer(channels, pool, 1)
        total += layer(channels, three[0], 1) + layer(*three, 3)
        total += layer(channels, five[0], 1) + layer(*five, k)
        channels = one + three[1] + five[1] + pool
    return total + channels * 1000 + 1000


# %% ex2-a: no reductions
def count(k, batch_norm):
    def layer(n_in, n_out, size):
        return n_in * n_out * size**2 + n_out * (2 if batch_norm else 1)

    total = layer(3, 64, 7) + layer(64, 64, 1) + layer(64, 192, 3)
    channels = 192
    for one, three, five, pool in MODULES.values():
        total += layer(channels, one, 1) + layer(channels, pool, 1)
        total += layer(channels, three[1], 3) + layer(channels, five[1], k)
        channels = one + three[1] + five[1] + pool
    return total + channels * 1000 + 1000


# %% ex2-a: the full layer has no biases under batch normalisation
def count(k, batch_norm):
    def layer(n_in, n_out, size):
        return n_in * n_out * size**2 + n_out * (2 if batch_norm else 1)

    total = layer(3, 64, 7) + layer(64, 64, 1) + layer(64, 192, 3)
    channels = 192
    for one, three, five, pool in MODULES.values():
        total += layer(channels, one, 1) + layer(channels, pool, 1)
        total += layer(channels, three[0], 1) + layer(*three, 3)
        total += layer(channels, five[0], 1) + layer(*five, k)
        channels = one + three[1] + five[1] + pool
    return total + channels * 1000 + (0 if batch_norm else 1000)


# %% ex2-a: k is the size of the other branch
def count(k, batch_norm):
    def layer(n_in, n_out, size):
        return n_in * n_out * size**2 + n_out * (2 if batch_norm else 1)

    total = layer(3, 64, 7) + layer(64, 64, 1) + layer(64, 192, 3)
    channels = 192
    for one, three, five, pool in MODULES.values():
        total += layer(channels, one, 1) + layer(channels, pool, 1)
        total += layer(channels, three[0], 1) + layer(*three, 3 if k == 5 else k)
        total += layer(channels, five[0], 1) + layer(*five, 5)
        channels = one + three[1] + five[1] + pool
    return total + channels * 1000 + 1000


# %% ex2-b: believes the name
kernel = 5

# %% ex2-b: the nearest count without batch normalisation
kernel = 1

# %% ex2-b: two by two
kernel = 2


# %% ex3-a: pairs of maps only
def cheaper(n, r, c):
    return 9 * (n - 1) // 2 < n * n


# %% ex3-a: all layers from r to c
def cheaper(n, r, c):
    return 9 * r * c * ((n - 1) // 2) < n * n * r * c


# %% ex3-a: always two layers
def cheaper(n, r, c):
    return 9 * r * c + 9 * c * c < n * n * r * c


# %% ex3-a: the later layers keep r maps
def cheaper(n, r, c):
    return 9 * r * r * ((n - 1) // 2 - 1) + 9 * r * c < n * n * r * c


# %% ex3-b: the middle column and row
def best_pair(kernel):
    n = len(kernel) // 2
    middle = kernel[n, n] or 1.0
    return kernel[:, n] / middle, kernel[n]


# %% ex3-b: forgets the singular value
def best_pair(kernel):
    u, s, v = np.linalg.svd(kernel)
    return u[:, 0], v[0]


# %% ex3-b: takes a column of v, which comes transposed
def best_pair(kernel):
    u, s, v = np.linalg.svd(kernel)
    return u[:, 0] * s[0], v[:, 0]


# %% ex3-b: takes the weakest pair
def best_pair(kernel):
    u, s, v = np.linalg.svd(kernel)
    return u[:, -1] * s[-1], v[-1]


# %% ex3-b: means of rows and columns
def best_pair(kernel):
    mean = kernel.mean() or 1.0
    return kernel.mean(axis=1), kernel.mean(axis=0) / mean


# %% ex3-c: what is lost
def kept(kernel):
    u, v = best_pair(kernel)
    return np.sum((kernel - np.outer(u, v)) ** 2) / np.sum(kernel**2)


# %% ex3-c: does not divide
def kept(kernel):
    u, v = best_pair(kernel)
    return 1 - np.sum((kernel - np.outer(u, v)) ** 2)


# %% ex3-c: singular values without squares
def kept(kernel):
    s = np.linalg.svd(kernel, compute_uv=False)
    return s[0] / s.sum()


# %% ex4-a: weighs the network too
def loss_with_heads(output, labels, weight):
    outputs = output if isinstance(output, tuple) else (output,)
    rows = torch.arange(len(labels))
    losses = [-z.log_softmax(1)[rows, labels].mean() for z in outputs]
    return weight * sum(losses) if len(losses) > 1 else losses[0]


# %% ex4-a: shares the weight among the heads
def loss_with_heads(output, labels, weight):
    outputs = output if isinstance(output, tuple) else (output,)
    rows = torch.arange(len(labels))
    losses = [-z.log_softmax(1)[rows, labels].mean() for z in outputs]
    heads = losses[1:]
    return losses[0] + weight * sum(heads) / max(len(heads), 1)


# %% ex4-a: takes a plain tensor for a tuple
def loss_with_heads(output, labels, weight):
    rows = torch.arange(len(labels))
    losses = [-z.log_softmax(-1)[rows, labels].mean() for z in output]
    return losses[0] + weight * sum(losses[1:])


# %% ex4-a: softmax, then a logarithm
def loss_with_heads(output, labels, weight):
    outputs = output if isinstance(output, tuple) else (output,)
    rows = torch.arange(len(labels))
    losses = [-z.softmax(1)[rows, labels].log().mean() for z in outputs]
    return losses[0] + weight * sum(losses[1:])


# %% ex4-a: the sum over the images
def loss_with_heads(output, labels, weight):
    outputs = output if isinstance(output, tuple) else (output,)
    rows = torch.arange(len(labels))
    losses = [-z.log_softmax(1)[rows, labels].sum() for z in outputs]
    return losses[0] + weight * sum(losses[1:])


# %% ex4-a: leaves it to F.cross_entropy
def loss_with_heads(output, labels, weight):
    if not isinstance(output, tuple):
        return F.cross_entropy(output, labels)
    losses = [F.cross_entropy(z, labels) for z in output]
    return losses[0] + weight * sum(losses[1:])


# %% ex4-b: backward() adds to .grad
def pulls(model, images, labels):
    weight = model.stem[0][0].weight
    found = []
    outputs = model.train()(images)
    for z in outputs:
        weight.grad = None
        F.cross_entropy(z, labels).backward(retain_graph=True)
        found.append(weight.grad.clone())
    return found


# %% ex4-b: a forward pass for each loss
def pulls(model, images, labels):
    weight = model.stem[0][0].weight
    model.train()
    return [
        torch.autograd.grad(F.cross_entropy(model(images)[k], labels), weight)[0]
        for k in range(3)
    ]


# %% ex4-b: weighs the heads already
def pulls(model, images, labels):
    weight = model.stem[0][0].weight
    outputs = model.train()(images)
    return [
        torch.autograd.grad(
            (0.3 if k else 1) * F.cross_entropy(z, labels), weight, retain_graph=True
        )[0]
        for k, z in enumerate(outputs)
    ]


# %% ex4-b: evaluation mode, with the running statistics
def pulls(model, images, labels):
    weight = model.stem[0][0].weight
    model.train()
    for part in model.modules():
        part.training &= not isinstance(part, torch.nn.BatchNorm2d)
    outputs = model(images)
    return [
        torch.autograd.grad(F.cross_entropy(z, labels), weight, retain_graph=True)[0]
        for z in outputs
    ]


# %% ex4-b: heads first
def pulls(model, images, labels):
    weight = model.stem[0][0].weight
    outputs = model.train()(images)
    found = [
        torch.autograd.grad(F.cross_entropy(z, labels), weight, retain_graph=True)[0]
        for z in outputs
    ]
    return found[1:] + found[:1]


# %% ex4-b: the upper head before the lower
def pulls(model, images, labels):
    weight = model.stem[0][0].weight
    network, *heads = model.train()(images)
    return [
        torch.autograd.grad(F.cross_entropy(z, labels), weight, retain_graph=True)[0]
        for z in (network, *heads[::-1])
    ]


# %% ex4-c: products that are not divided by the lengths
network, *others = (g.flatten() for g in pulls(headed, *few))
cosines = [float(network @ g) for g in others]

# %% ex4-c: compares the heads with each other
network, *others = (g.flatten() for g in pulls(headed, *few))
cosines = [
    float(F.cosine_similarity(others[0], others[1], dim=0)),
    float(F.cosine_similarity(others[1], others[0], dim=0)),
]

# %% ex4-c: one cosine for each kernel, then the mean
network, *others = pulls(headed, *few)
cosines = [
    float(F.cosine_similarity(network.flatten(1), g.flatten(1), dim=1).mean())
    for g in others
]


# %% ex5-a: parameters, not MACs
def module_macs(n_in, size, one, three, five, pool):
    weights = n_in * (one + three[0] + five[0] + pool)
    return weights + 9 * three[0] * three[1] + 25 * five[0] * five[1]


# %% ex5-a: the pooling branch is free
def module_macs(n_in, size, one, three, five, pool):
    weights = n_in * (one + three[0] + five[0])
    weights += 9 * three[0] * three[1] + 25 * five[0] * five[1]
    return weights * size**2


# %% ex5-a: large windows read all maps
def module_macs(n_in, size, one, three, five, pool):
    weights = n_in * (one + three[0] + five[0] + pool)
    weights += 9 * n_in * three[1] + 25 * n_in * five[1]
    return weights * size**2


# %% ex5-a: adds biases
def module_macs(n_in, size, one, three, five, pool):
    weights = n_in * (one + three[0] + five[0] + pool)
    weights += 9 * three[0] * three[1] + 25 * five[0] * five[1]
    biases = one + sum(three) + sum(five) + pool
    return (weights + biases) * size**2


# %% ex5-b: GoogLeNet's own 3a, a third too dear
design = {"one": 64, "three": (96, 128), "five": (16, 32), "pool": 32}

# %% ex5-b: reductions that leave almost nothing
design = {"one": 64, "three": (8, 128), "five": (8, 32), "pool": 32}

# %% ex5-b: cheap, and too few maps
design = {"one": 32, "three": (48, 128), "five": (16, 32), "pool": 16}

# %% ex5-b: numbers that are no multiples of eight
design = {"one": 64, "three": (50, 128), "five": (12, 32), "pool": 32}

# %% ex5-b: no 5×5 worth the name
design = {"one": 80, "three": (48, 128), "five": (8, 16), "pool": 32}


# %% ex6: adds the kernel, not the kernel less one
def windows(field, jump, modules):
    sizes = {field}
    for _ in range(modules):
        sizes = {s + k * jump for s in sizes for k in (1, 3, 5)}
    return sorted(sizes)


# %% ex6: largest and smallest only
def windows(field, jump, modules):
    return sorted({field, field + 4 * jump * modules})


# %% ex6: neighbours lie one pixel apart
def windows(field, jump, modules):
    return [field + 2 * k for k in range(2 * modules + 1)]


# %% ex6: the jump grows with each module
def windows(field, jump, modules):
    sizes = {field}
    for m in range(modules):
        sizes = {s + (k - 1) * jump * 2**m for s in sizes for k in (1, 3, 5)}
    return sorted(sizes)


# %% ex6: one branch all the way
def windows(field, jump, modules):
    return sorted({field + (k - 1) * jump * modules for k in (1, 3, 5)})


# %% ex7-a: zeros in place of the means
def silenced(model, images, labels, name, branch):
    def silence(part, inputs, output):
        return torch.zeros_like(output)

    hook = getattr(model.blocks[name], branch).register_forward_hook(silence)
    with torch.no_grad():
        guess = model.eval()(torch.as_tensor(images)).argmax(1)
    hook.remove()
    return float((guess == torch.as_tensor(labels)).float().mean())


# %% ex7-a: one mean for all maps of the branch
def silenced(model, images, labels, name, branch):
    def silence(part, inputs, output):
        return torch.full_like(output, float(output.mean()))

    hook = getattr(model.blocks[name], branch).register_forward_hook(silence)
    with torch.no_grad():
        guess = model.eval()(torch.as_tensor(images)).argmax(1)
    hook.remove()
    return float((guess == torch.as_tensor(labels)).float().mean())


# %% ex7-a: the means of each image, which still tell it
def silenced(model, images, labels, name, branch):
    def silence(part, inputs, output):
        return output.mean((2, 3), keepdim=True).expand_as(output)

    hook = getattr(model.blocks[name], branch).register_forward_hook(silence)
    with torch.no_grad():
        guess = model.eval()(torch.as_tensor(images)).argmax(1)
    hook.remove()
    return float((guess == torch.as_tensor(labels)).float().mean())


# %% ex7-a: keeps this branch and silences the others
def silenced(model, images, labels, name, branch):
    def silence(part, inputs, output):
        return output.mean((0, 2, 3), keepdim=True).expand_as(output)

    hooks = [
        getattr(model.blocks[name], other).register_forward_hook(silence)
        for other in ("one", "three", "five", "pool")
        if other != branch
    ]
    with torch.no_grad():
        guess = model.eval()(torch.as_tensor(images)).argmax(1)
    for hook in hooks:
        hook.remove()
    return float((guess == torch.as_tensor(labels)).float().mean())


# %% ex7-a: in training mode, which moves the batch statistics
def silenced(model, images, labels, name, branch):
    def silence(part, inputs, output):
        return output.mean((0, 2, 3), keepdim=True).expand_as(output)

    hook = getattr(model.blocks[name], branch).register_forward_hook(silence)
    with torch.no_grad():
        guess = model.train()(torch.as_tensor(images)).argmax(1)
    hook.remove()
    return float((guess == torch.as_tensor(labels)).float().mean())


# %% ex7-b: both tables of one network
results = {
    how: {
        branch: silenced(trained["as they are"], *unseen, "3b", branch)
        for branch in ("one", "three", "five", "pool")
    }
    for how in trained
}

# %% ex7-b: another module
results = {
    how: {
        branch: silenced(model, *unseen, "5a", branch)
        for branch in ("one", "three", "five", "pool")
    }
    for how, model in trained.items()
}

# %% ex7-b: on the digits it has learnt from
results = {
    how: {
        branch: silenced(model, *some, "3b", branch)
        for branch in ("one", "three", "five", "pool")
    }
    for how, model in trained.items()
}
