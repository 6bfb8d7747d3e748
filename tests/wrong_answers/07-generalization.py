"""Plausible wrong answers to exercises/07-generalization.ipynb."""

# %% ex1: the penalty lambda w^2 without the half
l2 = [0.44, -0.018, -0.03, -0.88]
l1 = [0.44, 0.03, -0.03, -0.93]
soft = [0.44, 0, 0, -0.93]
steps = 10
left = 0.5 * 0.9**10

# %% ex1: the penalty is taken off every weight, whatever its sign
l2 = [0.465, -0.019, -0.03, -0.93]
l1 = [0.44, -0.07, -0.08, -1.03]
soft = [0.44, -0.07, -0.08, -1.03]
steps = 10
left = 0.299

# %% ex1: only weights that were on the other side stay at 0
l2 = [0.465, -0.019, -0.03, -0.93]
l1 = [0.44, 0.03, -0.03, -0.93]
soft = [0.44, 0, -0.03, -0.93]
steps = 10
left = 0.299

# %% ex1: takes lambda for eta lambda
l2 = [0.465, -0.019, -0.03, -0.93]
l1 = [0.44, 0.03, -0.03, -0.93]
soft = [0.44, 0, 0, -0.93]
steps = 1
left = 0.25


# %% ex2-a: classic dropout, which scales out of training
def dropout(x, p, training, rng):
    if not training:
        return x * (1 - p)
    return np.where(rng.random(x.shape) < p, 0, x)


# %% ex2-a: divides by p, which one half forgives
def dropout(x, p, training, rng):
    if not training:
        return x
    return np.where(rng.random(x.shape) < p, 0, x / p)


# %% ex2-a: keeps with probability p
def dropout(x, p, training, rng):
    if not training:
        return x
    return np.where(rng.random(x.shape) < p, x / p, 0)


# %% ex2-a: one mask for all images of the batch
def dropout(x, p, training, rng):
    if not training:
        return x
    return np.where(rng.random(x.shape[1:]) < p, 0, x / (1 - p))


# %% ex2-a: zeros are written into x itself
def dropout(x, p, training, rng):
    if training:
        x[rng.random(x.shape) < p] = 0
        x /= 1 - p
    return x


# %% ex2-b: looks at the share of zeros only
def is_right(layer):
    y = layer(np.ones((300, 300)), 0.3, True, np.random.default_rng(0))
    return abs((y == 0).mean() - 0.3) < 0.02


# %% ex2-b: looks at the expectation only
def is_right(layer):
    x = np.ones((300, 300))
    y = layer(x, 0.3, True, np.random.default_rng(0))
    return abs(y.mean() - 1) < 0.02 and not np.array_equal(x, y)


# %% ex2-b: tries one half only, in training and out
def is_right(layer):
    x, rng = np.ones((300, 300)), np.random.default_rng(0)
    y = layer(x, 0.5, True, rng)
    values = set(np.unique(y)) == {0.0, 2.0} and abs(y.mean() - 1) < 0.02
    return values and np.array_equal(layer(x, 0.5, False, rng), x)


# %% ex2-b: chance is expected to hit the mean exactly
def is_right(layer):
    x = np.ones((300, 300))
    return layer(x, 0.3, True, np.random.default_rng(0)).mean() == 1


# %% ex3-a: one coin for the whole batch
def harmful(images):
    return images.flip(2, 3) if torch.rand(()) < 0.5 else images


# %% ex3-a: every image is turned
def harmful(images):
    return images.flip(2, 3)


# %% ex3-a: a small shift, which does little harm
def harmful(images):
    heads = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(heads, images.roll(1, 3), images)


# %% ex3-a: turns black into white
def harmful(images):
    heads = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(heads, 1 - images, images)


# %% ex3-a: one axis too early, where there is nothing to exchange
def harmful(images):
    heads = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(heads, images.flip(1), images)


# %% ex3-b: divides by the number of all images
def by_digit(model, data):
    guesses = predict(model, data.x).argmax(dim=1).cpu().numpy()
    hits = guesses == data.y
    return np.array([hits[data.y == k].sum() / len(hits) for k in range(10)])


# %% ex3-b: of the images taken for a digit, the share that is one
def by_digit(model, data):
    guesses = predict(model, data.x).argmax(dim=1).cpu().numpy()
    hits = guesses == data.y
    shares = [hits[guesses == k] for k in range(10)]
    return np.array([s.mean() if len(s) else 0.0 for s in shares])


# %% ex3-b: counts instead of shares
def by_digit(model, data):
    guesses = predict(model, data.x).argmax(dim=1).cpu().numpy()
    hits = guesses == data.y
    return np.bincount(data.y[hits], minlength=10)


# %% ex3-c: the sign of the difference is turned, so the digit that lost least
honest = by_digit(plain, unseen)
misled = by_digit(trained(harmful), unseen)
victim = int((misled - honest).argmax())

# %% ex3-c: measures on what it has learnt from
honest = by_digit(plain, few)
misled = by_digit(trained(harmful), few)
victim = int((honest - misled).argmax())

# %% ex3-c: the plain net twice
honest = by_digit(plain, unseen)
misled = by_digit(trained(None), unseen)
victim = int((honest - misled).argmax())


# %% ex4: mean and variance are taken for constants
def batch_norm_back(delta, x, gamma, eps=1e-5):
    axes = {"axis": (0, 2, 3), "keepdims": True}
    deviation = np.sqrt(x.var(**axes) + eps)
    scaled = (x - x.mean(**axes)) / deviation
    grad_gamma = (delta * scaled).sum(axis=(0, 2, 3))
    grad_x = delta * gamma[:, None, None] / deviation
    return grad_x, grad_gamma, delta.sum(axis=(0, 2, 3))


# %% ex4: only the mean depends on x
def batch_norm_back(delta, x, gamma, eps=1e-5):
    axes = {"axis": (0, 2, 3), "keepdims": True}
    deviation = np.sqrt(x.var(**axes) + eps)
    scaled = (x - x.mean(**axes)) / deviation
    grad_gamma = (delta * scaled).sum(axis=(0, 2, 3))
    d = delta * gamma[:, None, None]
    grad_x = (d - d.mean(**axes)) / deviation
    return grad_x, grad_gamma, delta.sum(axis=(0, 2, 3))


# %% ex4: forgets gamma on the way to x, which ones forgive
def batch_norm_back(delta, x, gamma, eps=1e-5):
    axes = {"axis": (0, 2, 3), "keepdims": True}
    deviation = np.sqrt(x.var(**axes) + eps)
    scaled = (x - x.mean(**axes)) / deviation
    grad_gamma = (delta * scaled).sum(axis=(0, 2, 3))
    grad_x = delta - delta.mean(**axes) - scaled * (delta * scaled).mean(**axes)
    return grad_x / deviation, grad_gamma, delta.sum(axis=(0, 2, 3))


# %% ex4: leaves eps out
def batch_norm_back(delta, x, gamma, eps=1e-5):
    axes = {"axis": (0, 2, 3), "keepdims": True}
    deviation = np.sqrt(x.var(**axes)) + 1e-12
    scaled = (x - x.mean(**axes)) / deviation
    grad_gamma = (delta * scaled).sum(axis=(0, 2, 3))
    d = delta * gamma[:, None, None]
    grad_x = d - d.mean(**axes) - scaled * (d * scaled).mean(**axes)
    return grad_x / deviation, grad_gamma, delta.sum(axis=(0, 2, 3))


# %% ex4: the means of the backward pass go over the images only
def batch_norm_back(delta, x, gamma, eps=1e-5):
    axes = {"axis": (0, 2, 3), "keepdims": True}
    deviation = np.sqrt(x.var(**axes) + eps)
    scaled = (x - x.mean(**axes)) / deviation
    grad_gamma = (delta * scaled).sum(axis=(0, 2, 3))
    d = delta * gamma[:, None, None]
    grad_x = d - d.mean(axis=0) - scaled * (d * scaled).mean(axis=0)
    return grad_x / deviation, grad_gamma, delta.sum(axis=(0, 2, 3))


# %% ex5: the first step is at 0
def rate(step, total, peak, warmup, cooldown):
    if step < warmup:
        return peak * step / warmup
    return peak * min(1, (total - step) / (cooldown + 1))


# %% ex5: the last step is at 0 already
def rate(step, total, peak, warmup, cooldown):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * min(1, (total - step - 1) / max(1, cooldown))


# %% ex5: the peak is kept one step too long and the fall starts late
def rate(step, total, peak, warmup, cooldown):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * min(1, (total - step) / max(1, cooldown))


# %% ex5: no plateau, it falls from the end of the warm-up on
def rate(step, total, peak, warmup, cooldown):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (total - step) / (total - warmup)


# %% ex6-a: decoupled or not, the decay goes into the gradient
def adam(w, gradients, rate, decay, decoupled):
    w, m, v = np.array(w, float), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        g = g + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        scale = np.sqrt(v / (1 - 0.999**t)) + 1e-8
        w = w - rate * m / (1 - 0.9**t) / scale
    return w


# %% ex6-a: the decay is not multiplied by the rate
def adam(w, gradients, rate, decay, decoupled):
    w, m, v = np.array(w, float), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            w = w * (1 - decay)
        else:
            g = g + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        scale = np.sqrt(v / (1 - 0.999**t)) + 1e-8
        w = w - rate * m / (1 - 0.9**t) / scale
    return w


# %% ex6-a: counts the steps from 0 in one of the corrections
def adam(w, gradients, rate, decay, decoupled):
    w, m, v = np.array(w, float), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            w = w * (1 - rate * decay)
        else:
            g = g + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        scale = np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8
        w = w - rate * m / (1 - 0.9**t) / scale
    return w


# %% ex6-a: no corrections for the beginning
def adam(w, gradients, rate, decay, decoupled):
    w, m, v = np.array(w, float), 0.0, 0.0
    for g in gradients:
        if decoupled:
            w = w * (1 - rate * decay)
        else:
            g = g + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - rate * m / (np.sqrt(v) + 1e-8)
    return w


# %% ex6-b: as with plain SGD
l2_strong = 1 - 0.1 * 0.01
l2_weak = 1 - 0.1 * 0.0001
decayed = 1 - 0.1 * 0.01

# %% ex6-b: all three go through Adam
l2_strong = 0.9
l2_weak = 0.9
decayed = 0.9


# %% ex7: the best of all trials together
def optimism(k, n, truth, rng, trials=4000):
    return rng.binomial(n, truth, size=(trials, k)).max() / n - truth


# %% ex7: returns the best accuracy, not what it exceeds
def optimism(k, n, truth, rng, trials=4000):
    return rng.binomial(n, truth, size=(trials, k)).max(axis=1).mean() / n


# %% ex7: the mean of the networks in place of the best
def optimism(k, n, truth, rng, trials=4000):
    return abs(rng.binomial(n, truth, size=(trials, k)).mean(axis=1) / n - truth).mean()


# %% ex7: the best over the trials, the mean over the networks
def optimism(k, n, truth, rng, trials=4000):
    return (rng.binomial(n, truth, size=(trials, k)) / n).max(axis=0).mean() - truth
