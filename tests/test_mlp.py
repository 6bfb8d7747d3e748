"""The multilayer perceptron: values and gradients as torch's, counts, bad input."""

import itertools

import numpy as np
import pytest
import torch

from utils import gradients, mlp
from utils.mlp import MLP

ELEMENTWISE = [name for name in mlp.ACTIVATIONS if name != "maxout"]
# Around 0, at it, and far out on both sides.
POINTS = np.array([-800.0, -30, -2, -0.5, -1e-9, 0, 1e-9, 0.5, 2, 30, 800])

TORCH = {
    "identity": lambda a: a,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "maxout": lambda a: a.unflatten(-1, (-1, mlp.PIECES)).max(dim=-1).values,
    "softmax": lambda a: torch.softmax(a, dim=-1),
}
COMBINATIONS = [
    *((h, "cross_entropy", "softmax") for h in mlp.ACTIVATIONS),
    *((h, "squared_error", "identity") for h in mlp.ACTIVATIONS),
    *(("tanh", "squared_error", output) for output in ELEMENTWISE),
]


class Twin:
    """The same network in torch, its gradients found by autograd."""

    def __init__(self, net):
        self.net = net
        parameters = [*net.weights, *net.biases]
        self.parameters = [torch.tensor(p, requires_grad=True) for p in parameters]

    def error(self, X, D):
        layers = len(self.net.weights)
        self.X = z = torch.tensor(X, requires_grad=True)
        self.a = []
        for l in range(layers):
            a = z @ self.parameters[l].T + self.parameters[layers + l]
            a.retain_grad()
            self.a.append(a)
            last = l == layers - 1
            z = TORCH[self.net.output if last else self.net.activation](a)
        self.Y = z
        if self.net.loss == "cross_entropy":
            return torch.nn.functional.cross_entropy(a, torch.tensor(D))
        return torch.nn.functional.mse_loss(z, torch.tensor(D))


def example(net, n=7, seed=1):
    """Random X, and desired outputs that are probabilities."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, net.sizes[0]))
    return X, mlp.softmax(rng.normal(size=(n, net.sizes[-1])))


def assert_same(ours, theirs, tolerance=1e-10):
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------ activations, losses


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activations_as_torch(name):
    a = torch.tensor(POINTS, requires_grad=True)
    z = TORCH[name](a)
    z.sum().backward()
    function, derivative, _ = mlp.ACTIVATIONS[name]
    with np.errstate(all="raise", under="ignore"):
        assert_same(function(POINTS), z)
        assert_same(derivative(POINTS), a.grad)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_by_finite_differences(name):
    function, derivative, _ = mlp.ACTIVATIONS[name]
    points = np.array([[-3.0, -0.7], [0.4, 2.5]])
    slopes = gradients.numerical_gradient(lambda a: function(a).sum(), points)
    assert gradients.relative_error(derivative(points), slopes) < 1e-8


@pytest.mark.parametrize("name", mlp.ACTIVATIONS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_activations_keep_their_type(name, kind):
    a = np.linspace(-2, 2, 8, dtype=kind).reshape(2, 4)
    function, derivative, pieces = mlp.ACTIVATIONS[name]
    assert function(a).dtype == derivative(a).dtype == kind
    assert function(a).shape == (2, 4 // pieces)
    assert derivative(a).shape == (2, 4)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.5])
def test_elu(alpha):
    a = torch.tensor(POINTS, requires_grad=True)
    z = torch.nn.functional.elu(a, alpha)
    z.sum().backward()
    assert_same(mlp.elu(POINTS, alpha), z)
    assert_same(mlp.elu_derivative(POINTS, alpha), a.grad)
    below = POINTS[POINTS <= 0]
    np.testing.assert_array_equal(
        mlp.elu_derivative(below, alpha), mlp.elu(below, alpha) + alpha
    )
    jump = mlp.elu_derivative(1e-12, alpha) - mlp.elu_derivative(-1e-12, alpha)
    assert jump == pytest.approx(1 - alpha, abs=1e-9)


def test_leaky_relu_slope():
    np.testing.assert_allclose(mlp.leaky_relu([-2.0, 3.0], slope=0.2), [-0.4, 3])
    np.testing.assert_allclose(mlp.leaky_relu_derivative([-2.0, 3.0], 0.2), [0.2, 1])


def test_maxout():
    a = np.array([[1.0, 5.0, -2.0, -2.0, 0.0, -1.0]])
    np.testing.assert_array_equal(mlp.maxout(a), [[5, -2, 0]])
    np.testing.assert_array_equal(mlp.maxout(a, pieces=3), [[5, 0]])
    # Of equal pieces the first wins, so that each unit has exactly one winner.
    np.testing.assert_array_equal(mlp.maxout_derivative(a), [[0, 1, 1, 0, 1, 0]])
    # |a| and ReLU are maxout units with suitable pieces.
    p = np.linspace(-2, 2, 5)
    np.testing.assert_array_equal(mlp.maxout(np.c_[p, -p])[:, 0], abs(p))
    np.testing.assert_array_equal(mlp.maxout(np.c_[p, 0 * p])[:, 0], mlp.relu(p))
    with pytest.raises(ValueError, match=r"multiple of pieces \(2\), got shape \(3,\)"):
        mlp.maxout([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="multiple of pieces"):
        mlp.maxout_derivative(1.0)


def test_softmax_as_torch_and_stable():
    a = np.random.default_rng(0).normal(size=(4, 5))
    assert_same(mlp.softmax(a), torch.softmax(torch.tensor(a), -1))
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(mlp.softmax([1000.0, -1000.0]), [1, 0])
        np.testing.assert_allclose(mlp.softmax(a + 1000), mlp.softmax(a))


def test_softmax_jacobian():
    a = np.random.default_rng(0).normal(size=(2, 4))
    jacobian = mlp.softmax_jacobian(a)
    assert jacobian.shape == (2, 4, 4)
    for row, matrix in zip(a, jacobian, strict=True):
        theirs = torch.autograd.functional.jacobian(TORCH["softmax"], torch.tensor(row))
        assert_same(matrix, theirs)


def test_squared_error():
    y, d = np.array([[0.5, 2.0, -1.0]]), np.array([[1.0, 1.0, 1.0]])
    assert mlp.squared_error(y, d) == pytest.approx((0.25 + 1 + 4) / 3)
    with pytest.raises(ValueError, match=r"y and d .* got \(2,\) and \(2, 1\)"):
        mlp.squared_error([1.0, 2.0], [[1.0], [2.0]])


def test_cross_entropy():
    a, d = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), np.eye(3)[[2, 0]]
    by_hand = -(np.log(mlp.softmax(a)[0, 2]) + np.log(1 / 3)) / 2
    assert mlp.cross_entropy(a, d) == pytest.approx(by_hand)
    with np.errstate(all="raise", under="ignore"):
        sure = np.array([5000.0, 0.0])
        assert mlp.cross_entropy(sure, [1.0, 0.0]) == 0
        assert mlp.cross_entropy(sure, [0.0, 1.0]) == 5000
    with pytest.raises(ValueError, match=r"a and d .* got \(2, 3\) and \(2,\)"):
        mlp.cross_entropy(a, [2, 0])


# ------------------------------------------------------------ the network


@pytest.mark.parametrize(("activation", "loss", "output"), COMBINATIONS)
@pytest.mark.parametrize("sizes", [[3, 4], [3, 5, 4], [3, 5, 6, 2]])
def test_values_and_gradients_as_torch(activation, loss, output, sizes):
    net = MLP(sizes, activation, loss, output=output, seed=2)
    for b in net.biases:
        b += np.linspace(-0.5, 0.5, len(b))
    X, D = example(net)
    twin = Twin(net)
    theirs = twin.error(X, D)
    theirs.backward()

    assert_same(net.error(X, D), theirs)
    grad_X = net.backward(D)
    assert_same(net.z[-1], twin.Y)
    assert_same(grad_X, twin.X.grad)
    for ours, a in zip(net.delta, twin.a, strict=True):
        assert_same(ours, a.grad)
    gradients = [*net.grad_weights, *net.grad_biases]
    for ours, p in zip(gradients, twin.parameters, strict=True):
        assert_same(ours, p.grad)


@pytest.mark.parametrize("loss", mlp.LOSSES)
def test_gradients_by_finite_differences(loss):
    net = MLP([3, 4, 2], "elu", loss)
    X, D = example(net)
    before = [p.copy() for p in [*net.weights, *net.biases]]
    weights, biases = gradients.numerical_gradients(net, X, D)
    after = [*net.weights, *net.biases]
    assert all(map(np.array_equal, before, after))
    net.error(X, D)
    grad_X = net.backward(D)
    for ours, differences in zip(net.grad_weights, weights, strict=True):
        assert gradients.relative_error(ours, differences) < 1e-8
    for ours, differences in zip(net.grad_biases, biases, strict=True):
        assert gradients.relative_error(ours, differences) < 1e-8
    differences = gradients.numerical_gradient(lambda x: net.error(x, D), X)
    assert gradients.relative_error(grad_X, differences) < 1e-8


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("activation", "loss", "output"), COMBINATIONS)
def test_torch_twin_stays_equal_for_five_steps(activation, loss, output, kind):
    net = MLP([3, 6, 4], activation, loss, output=output, seed=3, dtype=kind)
    X, D = (v.astype(kind) for v in example(net, n=16))
    twin = Twin(net)
    optimizer = torch.optim.SGD(twin.parameters, lr=0.5)
    tolerance = 1e-10 if kind == np.float64 else 1e-4
    for _ in range(5):
        theirs = twin.error(X, D)
        optimizer.zero_grad()
        theirs.backward()
        optimizer.step()
        assert net.error(X, D) == pytest.approx(theirs.item(), rel=tolerance)
        net.backward(D)
        net.step(0.5)
    for ours, p in zip([*net.weights, *net.biases], twin.parameters, strict=True):
        assert_same(ours, p, tolerance)


def test_worked_example():
    """The numbers of chapter 2, computed here with nothing but sums and exp."""
    net, x, d = mlp.worked_example()
    (W1, W2), (b1, b2) = net.weights, net.biases
    z1 = [np.tanh(W1[k, 0] * x[0, 0] + W1[k, 1] * x[0, 1] + b1[k]) for k in range(3)]
    a2 = [sum(W2[k, j] * z1[j] for j in range(3)) + b2[k] for k in range(2)]
    y = np.exp(a2) / np.exp(a2).sum()
    assert mlp.cross_entropy(net.a[1], d) == pytest.approx(-np.log(y[0]))
    np.testing.assert_allclose(net.a[0], [[1, -0.5, 0.25]])
    np.testing.assert_allclose(net.z[1], [z1])
    np.testing.assert_allclose(net.z[2], [y])
    delta2 = [y[0] - 1, y[1]]
    grad_z = [W2[0, j] * delta2[0] + W2[1, j] * delta2[1] for j in range(3)]
    delta1 = [(1 - z1[j] ** 2) * grad_z[j] for j in range(3)]
    np.testing.assert_allclose(net.delta[1], [delta2])
    np.testing.assert_allclose(net.delta[0], [delta1])
    np.testing.assert_allclose(net.grad_weights[0], np.outer(delta1, x[0]))
    np.testing.assert_allclose(net.grad_weights[1], np.outer(delta2, z1))
    rounded = [np.round(v, 3).tolist() for v in (*net.z[1:], *net.delta)]
    assert rounded == [
        [[0.762, -0.462, 0.245]],
        [[0.281, 0.719]],
        [[0.151, -0.849, 1.014]],
        [[-0.719, 0.719]],
    ]


def test_error_is_the_mean_over_the_batch():
    for loss in mlp.LOSSES:
        net = MLP([3, 4, 2], loss=loss)
        X, D = example(net, n=5)
        single = [net.error(X[i : i + 1], D[i : i + 1]) for i in range(5)]
        assert net.error(X, D) == pytest.approx(np.mean(single))


def test_labels_are_one_hot_targets():
    labels = np.array([2, 0, 1, 1])
    for loss in mlp.LOSSES:
        net = MLP([3, 4, 3], loss=loss)
        X, _ = example(net, n=4)
        assert net.error(X, labels) == net.error(X, np.eye(3)[labels])


def test_same_seed_same_weights():
    first, second, other = (MLP([4, 3, 2], seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.weights[0], second.weights[0])
    assert not np.array_equal(first.weights[0], other.weights[0])
    rng = np.random.default_rng(1)
    assert np.array_equal(MLP([4, 3, 2], seed=rng).weights[0], first.weights[0])


def test_first_weights_keep_the_scale():
    net = MLP([400, 300, 200])
    assert net.weights[0].std() == pytest.approx(1 / 20, rel=0.01)
    assert not net.biases[0].any()


@pytest.mark.parametrize("activation", ["tanh", "maxout"])
def test_learns_xor(activation):
    X, labels = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    net = MLP([2, 4, 2], activation, seed=0)
    errors = net.fit(X, labels, epochs=500, batch_size=4, learning_rate=0.5)
    assert len(errors) == 500
    assert errors[-1] < 0.05
    assert np.array_equal(net.predict(X), labels)


def test_fit_covers_every_example_and_is_reproducible():
    nets = [MLP([3, 4, 2], seed=5) for _ in range(2)]
    X, D = example(nets[0], n=10)
    runs = [net.fit(X, D, epochs=3, batch_size=4, seed=7) for net in nets]
    assert runs[0] == runs[1]
    # With a tiny learning rate, the mean over a pass is the error of the whole set.
    net = MLP([3, 4, 2])
    (mean,) = net.fit(X, D, epochs=1, batch_size=4, learning_rate=1e-12)
    assert mean == pytest.approx(net.error(X, D))


# ------------------------------------------------------------ checking gradients


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_numerical_gradient_of_any_shape(shape):
    x = np.asarray(np.random.default_rng(0).normal(size=shape))
    kept = x.copy()
    gradient = gradients.numerical_gradient(lambda v: np.sum(v**3), x)
    assert gradient.shape == shape
    assert np.array_equal(x, kept)
    np.testing.assert_allclose(gradient, 3 * x**2, rtol=1e-8)


def test_numerical_gradient_of_integers_and_float32():
    for x in ([1, 2, 3], np.array([1, 2, 3], np.float32)):
        gradient = gradients.numerical_gradient(lambda v: (v**2).sum(), x)
        assert gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, [2, 4, 6])


def test_numerical_gradient_is_central():
    # Exact for a parabola, however long the step; a one-sided difference is not.
    assert gradients.numerical_gradient(lambda x: x**2, 3.0, step=0.5) == 6


def test_relative_error():
    assert gradients.relative_error([1.0, 2.0], [1.0, 2.0]) == 0
    assert gradients.relative_error([0.0, 0.0], [0.0, 0.0]) == 0
    assert gradients.relative_error([1.0, 0.0], [1.0, 0.1]) == pytest.approx(0.1)
    assert gradients.relative_error([[2.0]], [[-2.0]]) == pytest.approx(2)
    assert gradients.relative_error([1e-20], [2e-20]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([224 * 224 * 3, 1000, 2], 150_531_002),
        ([100 * 100 * 3, 1], 30_001),  # 30,000 weights for one hidden neuron
        ([1000 * 1000, 10**6], 10**12 + 10**6),
        ([784, 100, 10], 79_510),
        ([2, 3, 2], 17),
        ((28 * 28, 10), 7_850),
        (np.array([2, 3, 2]), 17),
    ],
)
def test_count_parameters(sizes, count):
    assert mlp.count_parameters(sizes) == count


@pytest.mark.parametrize("sizes", [[2, 3, 2], [5, 4, 4, 3]])
def test_count_is_what_the_network_holds(sizes):
    net = MLP(sizes)
    held = sum(p.size for p in itertools.chain(net.weights, net.biases))
    assert mlp.count_parameters(sizes) == held


# ------------------------------------------------------------ bad input

NAN = np.array([[np.nan, 0.0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [3]}, r"sizes must list .* got \[3\]"),
        ({"sizes": []}, "sizes must list"),
        ({"sizes": 3}, "sizes must list .* got 3"),
        ({"sizes": [3, 0, 2]}, "whole numbers >= 1"),
        ({"sizes": [3, 2.0]}, "whole numbers >= 1"),
        ({"sizes": [3, True, 2]}, "whole numbers >= 1"),
        ({"sizes": "32"}, "sizes must list"),
        ({"activation": "sigmoid"}, "activation must be .*logistic.*, got 'sigmoid'"),
        ({"activation": np.tanh}, "activation must be one of"),
        ({"loss": "mse"}, "loss must be .*squared_error, got 'mse'"),
        ({"output": "logistic"}, "output must be one of softmax, got 'logistic'"),
        ({"loss": "squared_error", "output": "softmax"}, "output must be one of"),
        ({"loss": "squared_error", "output": "maxout"}, "output must be one of"),
        ({"sizes": [3, 1]}, "at least 2 outputs for cross_entropy"),
        ({"dtype": int}, "dtype must be float32 or float64"),
    ],
)
def test_bad_network(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(**{"sizes": [3, 2], **arguments})


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(2), r"X must have shape \(N, 2\), .* got \(2,\)"),
        (np.zeros((4, 3)), r"X must have shape \(N, 2\), .* got \(4, 3\)"),
        (np.zeros((0, 2)), "X must have shape"),
        (np.zeros((1, 1, 2)), "X must have shape"),
        (NAN, "X must be finite"),
        (np.array([[np.inf, 0]]), "X must be finite"),
    ],
)
def test_bad_inputs(X, message):
    with pytest.raises(ValueError, match=message):
        MLP([2, 3, 2]).forward(X)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 2], "labels from 0 to 1, got 0 to 2"),
        ([-1, 0], "labels from 0 to 1, got -1 to 0"),
        ([0], r"shape \(2,\) or .* \(2, 2\), got int64 \(1,\)"),
        ([0.0, 1.0], r"got float64 \(2,\)"),
        ([[0], [1]], r"got int64 \(2, 1\)"),
        ([[1, 0], [1, 1]], r"probabilities .* got a row \[1\. 1\.\]"),
        ([[2, -1], [0, 1]], "probabilities"),
        ([[np.nan, 0], [0, 1]], "targets must be finite"),
    ],
)
def test_bad_targets(targets, message):
    net = MLP([2, 3, 2])
    with pytest.raises(ValueError, match=message):
        net.error(np.zeros((2, 2)), targets)
    with pytest.raises(ValueError, match=message):
        net.fit(np.zeros((2, 2)), targets)
    net.forward(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=message):
        net.backward(targets)


@pytest.mark.parametrize("rate", [0, -0.1, np.nan, np.inf, "0.1", None])
def test_bad_learning_rate(rate):
    net, x, d = mlp.worked_example()
    with pytest.raises(ValueError, match="learning_rate must be a finite number > 0"):
        net.fit(x, d, learning_rate=rate)
    net.error(x, d)
    net.backward(d)
    with pytest.raises(ValueError, match="learning_rate must be a finite number > 0"):
        net.step(rate)


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5, None])
def test_bad_fit(name, value):
    net, x, d = mlp.worked_example()
    with pytest.raises(ValueError, match=f"{name} must be a whole number >= 1"):
        net.fit(x, d, **{name: value})


def test_divergence_is_an_error_without_warnings(recwarn):
    net = MLP([2, 3, 2], "relu", "squared_error")
    X, D = example(net)
    with pytest.raises(FloatingPointError, match=r"learning_rate \(1e\+30\) is too"):
        net.fit(X, D, epochs=50, learning_rate=1e30)
    assert not recwarn.list


def test_order_of_calls():
    net, (x, d) = MLP([2, 3, 2]), mlp.worked_example()[1:]
    with pytest.raises(RuntimeError, match="call forward"):
        net.backward(d)
    net.forward(x)
    with pytest.raises(RuntimeError, match="call backward"):
        net.step(0.1)
    net.backward(d)
    net.step(0.1)
    # Gradients belong to the weights they were computed with.
    with pytest.raises(RuntimeError, match="call backward"):
        net.step(0.1)
    with pytest.raises(RuntimeError, match="call forward"):
        net.backward(d)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.sum, [np.nan]), "x must be finite"),
        ((np.tanh, [1.0, 2.0]), r"f\(x\) must be a single number, got shape \(2,\)"),
        ((np.sum, [1.0], 0), "step must be a finite number > 0"),
        ((np.sum, [1.0], -1e-5), "step must be a finite number > 0"),
    ],
)
def test_bad_numerical_gradient(arguments, message):
    with pytest.raises(ValueError, match=message):
        gradients.numerical_gradient(*arguments)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1.0, 2.0], [[1.0], [2.0]], r"same shape .* got \(2,\) and \(2, 1\)"),
        ([], [], "hold numbers"),
        ([np.nan], [1.0], "a must be finite"),
        ([1.0], [np.inf], "b must be finite"),
    ],
)
def test_bad_relative_error(a, b, message):
    with pytest.raises(ValueError, match=message):
        gradients.relative_error(a, b)


def test_bad_counts():
    with pytest.raises(ValueError, match="sizes must list"):
        mlp.count_parameters([784])
