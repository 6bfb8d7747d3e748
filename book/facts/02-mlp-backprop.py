"""Where the numbers of chapter 2 come from."""

import math

import numpy as np

from book.facts import computed
from utils import data, mlp


def xor_solved(learning_rate, steps):
    """How many of twenty seeds solve XOR with two hidden ReLUs."""
    X, labels = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    nets = [mlp.MLP([2, 2, 2], "relu", seed=seed) for seed in range(20)]
    settings = {"epochs": steps, "batch_size": 4, "learning_rate": learning_rate}
    return sum(mlp.fit(net, X, labels, **settings)[-1] < 0.1 for net in nets)


def logits():
    """Those of the worked example."""
    net, _, _ = mlp.worked_example()
    return net.a[1][0]


FACTS = [
    computed(
        "powers of e are {:.3f} and {:.3f}, together {:.3f}, and the outputs {:.3f} "
        "and {:.3f}",
        lambda: (lambda a: (*np.exp(a), np.exp(a).sum(), *mlp.softmax(a)))(logits()),
    ),
    computed(
        "{:.2f}, {:.2f}, {:.2f} and {:.2f} for a probability of {}, {}, {} and {}",
        lambda: (lambda p: (*-np.log(p), *p))((0.9, 0.5, 0.1, 0.01)),
    ),
    computed(
        "the desired output the probability {:.3f}, so E is {:.2f}",
        lambda: (lambda y: (y, -np.log(y)))(mlp.softmax(logits())[0]),
    ),
    computed(
        r"$a^{{(1)}}_3 = {:g} \cdot {:g} - {:g} \cdot {:g} - {:g} = {:g}$",
        lambda: [
            (W[0][2, 0], x[0, 0], -W[0][2, 1], x[0, 1], -b[0][2], net.a[0][0, 2])
            for net, x, d in [mlp.worked_example()]
            for W, b in [(net.weights, net.biases)]
        ][0],
    ),
    computed(
        r"$z^{{(1)}}_3 = \tanh({:g}) = {:.3f}$",
        lambda: [
            (net.a[0][0, 2], net.z[1][0, 2]) for net, x, d in [mlp.worked_example()]
        ][0],
    ),
    computed(
        r"$-\frac{{1}}{{{:.3f}}} \cdot {:.3f}\,(1 - {:.3f}) = {:.3f}$ for $a_1$, "
        r"$-\frac{{1}}{{{:.3f}}} \cdot {:.3f}\,(0 - {:.3f}) = {:.3f}$ for $a_2$",
        lambda: [
            (y[0], y[0], y[0], slope[0], y[0], y[0], y[1], slope[1])
            for net, x, d in [mlp.worked_example()]
            for y in [net.z[2][0]]
            for slope in [mlp.softmax_jacobian(net.a[1][0]).T @ (-d[0] / y)]
        ][0],
    ),
    computed(
        r"$\delta^{{(2)}}_1 = {:.3f} - {:g} = {:.3f}$",
        lambda: [
            (net.z[2][0, 0], d[0, 0], net.delta[1][0, 0])
            for net, x, d in [mlp.worked_example()]
        ][0],
    ),
    computed(
        r"$\delta^{{(2)}}_2 = {:.3f} - {:g} = {:.3f}$",
        lambda: [
            (net.z[2][0, 1], d[0, 1], net.delta[1][0, 1])
            for net, x, d in [mlp.worked_example()]
        ][0],
    ),
    computed(
        r"${:.3f} \cdot {:g} + {:.3f} \cdot {:g} = {:.3f}$",
        lambda: [
            (d2[0], w[0], d2[1], w[1], d2 @ w)
            for net, x, d in [mlp.worked_example()]
            for d2, w in [(net.delta[1][0], net.weights[1][:, 0])]
        ][0],
    ),
    computed(
        "the slope of its tanh is $1 - {:.4f}^2 = {:.3f}$",
        lambda: [
            (net.z[1][0, 0], mlp.tanh_derivative(net.a[0][0, 0]))
            for net, x, d in [mlp.worked_example()]
        ][0],
    ),
    computed(
        r"so $\delta^{{(1)}}_1 = {:.3f} \cdot {:.3f} = {:.3f}$",
        lambda: [
            (
                mlp.tanh_derivative(net.a[0][0, 0]),
                net.delta[1][0] @ net.weights[1][:, 0],
                net.delta[0][0, 0],
            )
            for net, x, d in [mlp.worked_example()]
        ][0],
    ),
    computed(
        "this breaks: $e^{{{}}}$ is beyond any float",
        lambda: 1000 if math.log(np.finfo(float).max) < 1000 else None,
    ),
    computed(
        "That is the nudge times {:.3f}",
        lambda: mlp.worked_example()[0].delta[0][0, 0],
    ),
    computed(
        "below ${}^{{{}}}$ the gradient is right, above ${}^{{{}}}$ the formula",
        lambda: (10, -6, 10, -2),  # tests/test_gradients.py, and the planted mistakes
    ),
    computed(
        "the rate is {}: with {} not one seed is done after {} steps",
        lambda: (0.5, 0.05, 400) if xor_solved(0.05, 400) == 0 else None,
    ),
    computed("a network of 3 hidden units and one of {}", lambda: 20),
    computed("From {} all hidden units have the same", lambda: 0.5),
    computed(
        "$(1/2)^{{{}}}$, about a thousandth, and a factor of 2 becomes $2^{{{}}}$, "
        "about a thousand",
        lambda: (10, round(math.log2(1000))),
    ),
    computed("Ten hidden layers of {} ReLUs", lambda: 100),
    computed(r"$E$ stays at $\ln {} = {:.2f}$", lambda: (10, math.log(10))),
    computed("the factor $4^9 = {:,}$ that slopes of 1/4", lambda: 4**9),
    computed(
        "The way back needs {:,} numbers for each image",
        lambda: sum([784, 100, 10]) + sum([100, 10]),  # all z and all a
    ),
    computed("We check only the {} biases of the hidden layer", lambda: 100),
    computed(
        "At {} $E$ is still on its way down; at 2 the steps are too long; {} serves",
        lambda: (0.02, 0.2),
    ),
    computed(
        "give a hundred units at each pixel, ${}^{:.0f}$ in all",
        lambda: (10, math.log10(100 * 10**6)),
    ),
    computed(
        "it keeps {:.0f} digits of two nearly equal numbers",
        lambda: -math.log10(np.finfo(np.float64).eps),
    ),
    computed(
        "cube root of the rounding error, about ${}^{{{:.0f}}}$",
        lambda: ((10, math.log10(np.finfo(np.float64).eps) / 3)),
    ),
    computed(
        "at a step of about ${}^{{{:.0f}}}$",
        lambda: ((10, math.log10(np.finfo(np.float64).eps) / 3)),
    ),
    computed(
        "the {:,} training digits of chapter 1, each a row of {} numbers",
        lambda: (len(data.mnist5k()[0].y), data.mnist5k()[0].x[0].size),
    ),
    computed(
        r"$E = -\ln\frac{{1}}{{{}}} = \ln {}$",
        lambda: ((len(data.CLASS_NAMES["mnist5k"]), len(data.CLASS_NAMES["mnist5k"]))),
    ),
    computed(
        "can the net learn {} images by heart",
        lambda: 32,
    ),
    computed(
        "{} images by heart, train, look",
        lambda: 32,
    ),
    computed(
        "{} numbers do nearly as well as {}",
        lambda: ((40, data.mnist5k()[0].x[0].size)),
    ),
    computed(
        r"One hidden layer of {} units and two classes, for an ordinary "
        r"photograph of ${} \times {} \times 3$ numbers, has {:,} parameters",
        lambda: ((1000, 224, 224, mlp.count_parameters([224 * 224 * 3, 1000, 2]))),
    ),
    computed(
        r"a **window** of ${} \times {}$ pixels only, ${}^{{{:.0f}}}$ "
        r"weights become ${}^{:.0f}$",
        lambda: (
            (
                10,
                10,
                10,
                math.log10(1000 * 1000 * 10**6),
                10,
                math.log10(10**6 * 10 * 10),
            )
        ),
    ),
    computed(
        "**share** their weights, {} are left",
        lambda: 10 * 10,
    ),
    computed(
        "A colour image of {} by {} pixels costs one hidden unit {:,} weights",
        lambda: (100, 100, 100 * 100 * 3),
    ),
    computed(
        "a hundred kernels take ${}^{:.0f}$",
        lambda: ((10, math.log10(100 * 10 * 10))),
    ),
]
