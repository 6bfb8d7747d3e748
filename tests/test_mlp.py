"""The multilayer perceptron: values and gradients as torch's, counts, bad input."""

import numpy as np
import pytest
import torch

from utils import gradients, mlp
from utils.mlp import MLP, fit, predict

# Around 0, at it, and far out on both sides.
POINTS = np.array([-800.0, -30, -2, -0.5, -1e-9, 0, 1e-9, 0.5, 2, 30, 800])

TORCH = {
    "identity": lambda a: a,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
}


class Twin:
    """The same network in torch, its gradients found by autograd."""

    def __init__(self, net):
        self.net = net
        parameters = [*net.weights, *net.biases]
        self.parameters = [torch.tensor(p, requires_grad=True) for p in parameters]

    def error(self, X, D):
        layers = len(self.net.weights)
        z = torch.tensor(X)
        self.a = []
        for l in range(layers):
            a = z @ self.parameters[l].T + self.parameters[layers + l]
            a.retain_grad()
            self.a.append(a)
            z = TORCH[self.net.activation](a)
        if self.net.loss == "cross_entropy":
            self.Y = torch.softmax(a, dim=-1)
            return torch.nn.functional.cross_entropy(a, torch.tensor(D))
        self.Y = a
        return torch.nn.functional.mse_loss(a, torch.tensor(D))


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


@pytest.mark.parametrize("name", mlp.ACTIVATIONS)
def test_activations_as_torch(name):
    a = torch.tensor(POINTS, requires_grad=True)
    z = TORCH[name](a)
    z.sum().backward()
    function, derivative = mlp.ACTIVATIONS[name]
    with np.errstate(all="raise", under="ignore"):
        assert_same(function(POINTS), z)
        assert_same(derivative(POINTS), a.grad)


@pytest.mark.parametrize("name", mlp.ACTIVATIONS)
def test_derivatives_by_finite_differences(name):
    function, derivative = mlp.ACTIVATIONS[name]
    points = np.array([[-3.0, -0.7], [0.4, 2.5]])
    slopes = gradients.numerical_gradient(lambda a: function(a).sum(), points)
    assert gradients.relative_error(derivative(points), slopes) < 1e-8


def test_what_the_convolutional_network_uses_keeps_float32():
    a = np.linspace(-2, 2, 8, dtype=np.float32).reshape(2, 4)
    for function in (mlp.relu, mlp.relu_derivative, mlp.softmax):
        assert function(a).dtype == np.float32
        assert function(a).shape == (2, 4)


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
    left, right = mlp.elu_derivative(np.array([-1e-12, 1e-12]), alpha)
    assert right - left == pytest.approx(1 - alpha, abs=1e-9)


def test_leaky_relu_slope():
    a = np.array([-2.0, 3.0])
    np.testing.assert_allclose(mlp.leaky_relu(a, slope=0.2), [-0.4, 3])
    np.testing.assert_allclose(mlp.leaky_relu_derivative(a, 0.2), [0.2, 1])


def test_softmax_as_torch_and_stable():
    a = np.random.default_rng(0).normal(size=(4, 5))
    assert_same(mlp.softmax(a), torch.softmax(torch.tensor(a), -1))
    with np.errstate(all="raise", under="ignore"):
        far = np.array([1000.0, -1000.0])
        np.testing.assert_array_equal(mlp.softmax(far), [1, 0])
        np.testing.assert_allclose(mlp.softmax(a + 1000), mlp.softmax(a))


def test_softmax_jacobian():
    a = np.random.default_rng(0).normal(size=(2, 4))
    jacobian = mlp.softmax_jacobian(a)
    assert jacobian.shape == (2, 4, 4)
    softmax = lambda a: torch.softmax(a, -1)  # noqa: E731
    for row, matrix in zip(a, jacobian, strict=True):
        theirs = torch.autograd.functional.jacobian(softmax, torch.tensor(row))
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


@pytest.mark.parametrize("activation", mlp.ACTIVATIONS)
@pytest.mark.parametrize("loss", mlp.LOSSES)
@pytest.mark.parametrize("sizes", [[3, 4], [3, 5, 4], [3, 5, 6, 2]])
def test_values_and_gradients_as_torch(activation, loss, sizes):
    net = MLP(sizes, activation, loss, seed=2)
    for b in net.biases:
        b += np.linspace(-0.5, 0.5, len(b))
    X, D = example(net)
    twin = Twin(net)
    theirs = twin.error(X, D)
    theirs.backward()

    assert_same(net.error(X, D), theirs)
    net.backward(D)
    assert_same(net.z[-1], twin.Y)
    for ours, a in zip(net.delta, twin.a, strict=True):
        assert_same(ours, a.grad)
    gradients = [*net.grad_weights, *net.grad_biases]
    for ours, p in zip(gradients, twin.parameters, strict=True):
        assert_same(ours, p.grad)


@pytest.mark.parametrize("loss", mlp.LOSSES)
def test_gradients_by_finite_differences(loss):
    net = MLP([3, 4, 2], "elu", loss)
    X, D = example(net)
    net.error(X, D)
    net.backward(D)
    ours = net.grad_weights + net.grad_biases
    for parameters in (net.weights, net.biases):
        for l, kept in enumerate(parameters):

            def error(values, parameters=parameters, l=l):
                parameters[l] = values
                return net.error(X, D)

            differences = gradients.numerical_gradient(error, kept)
            parameters[l] = kept
            assert gradients.relative_error(ours.pop(0), differences) < 1e-8


@pytest.mark.parametrize("activation", mlp.ACTIVATIONS)
@pytest.mark.parametrize("loss", mlp.LOSSES)
def test_torch_twin_stays_equal_for_five_steps(activation, loss):
    net = MLP([3, 6, 4], activation, loss, seed=3)
    X, D = example(net, n=16)
    twin = Twin(net)
    optimizer = torch.optim.SGD(twin.parameters, lr=0.5)
    for _ in range(5):
        theirs = twin.error(X, D)
        optimizer.zero_grad()
        theirs.backward()
        optimizer.step()
        assert net.error(X, D) == pytest.approx(theirs.item(), rel=1e-10)
        net.backward(D)
        net.step(0.5)
    for ours, p in zip([*net.weights, *net.biases], twin.parameters, strict=True):
        assert_same(ours, p)


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
        net = MLP([3, 4, 2], "tanh", loss)
        X, D = example(net, n=5)
        single = [net.error(X[i : i + 1], D[i : i + 1]) for i in range(5)]
        assert net.error(X, D) == pytest.approx(np.mean(single))


def test_labels_are_one_hot_targets():
    labels = np.array([2, 0, 1, 1])
    for loss in mlp.LOSSES:
        net = MLP([3, 4, 3], "tanh", loss)
        X, _ = example(net, n=4)
        assert net.error(X, labels) == net.error(X, np.eye(3)[labels])


def test_same_seed_same_weights():
    first, second, other = (MLP([4, 3, 2], "tanh", seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.weights[0], second.weights[0])
    assert not np.array_equal(first.weights[0], other.weights[0])
    rng = np.random.default_rng(1)
    assert np.array_equal(MLP([4, 3, 2], "tanh", seed=rng).weights[0], first.weights[0])


def test_first_weights_keep_the_scale():
    net = MLP([400, 300, 200], "tanh")
    assert net.weights[0].std() == pytest.approx(1 / 20, rel=0.01)
    assert not net.biases[0].any()


def test_learns_xor():
    X, labels = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    net = MLP([2, 4, 2], "tanh", seed=0)
    errors = fit(net, X, labels, epochs=500, batch_size=4, learning_rate=0.5)
    assert len(errors) == 500
    assert errors[-1] < 0.05
    assert np.array_equal(predict(net, X), labels)


def test_fit_covers_every_example_and_is_reproducible():
    nets = [MLP([3, 4, 2], "tanh", seed=5) for _ in range(2)]
    X, D = example(nets[0], n=10)
    runs = [fit(net, X, D, epochs=3, batch_size=4, seed=7) for net in nets]
    assert runs[0] == runs[1]
    # With a tiny learning rate, the mean over a pass is the error of the whole set.
    net = MLP([3, 4, 2], "tanh")
    (mean,) = fit(net, X, D, epochs=1, batch_size=4, learning_rate=1e-12)
    assert mean == pytest.approx(net.error(X, D))


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
    net = MLP(sizes, "tanh")
    held = sum(p.size for p in net.weights + net.biases)
    assert mlp.count_parameters(sizes) == held


# ------------------------------------------------------------ bad input


def test_bad_network():
    with pytest.raises(KeyError, match="sigmoid"):
        MLP([3, 2], "sigmoid")
    with pytest.raises(KeyError, match="mse"):
        MLP([3, 2], "tanh", loss="mse")
    with pytest.raises(TypeError):
        MLP([3, 2.0], "tanh")


@pytest.mark.parametrize("call", [MLP.forward, predict])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(2), r"X must have shape \(N, 2\), .* got \(2,\)"),
        (np.zeros((4, 3)), r"X must have shape \(N, 2\), .* got \(4, 3\)"),
        (np.zeros((1, 1, 2, 1)), "X must have shape"),
        (np.array([[np.nan, 0.0]]), "X must be finite"),
        (np.zeros((4, 2), np.uint8), "pixels / 255, got uint8"),
    ],
)
def test_bad_inputs(call, X, message):
    net = MLP([2, 3, 2], "tanh")
    with pytest.raises(ValueError, match=message):
        call(net, X)
    with pytest.raises(ValueError, match=message):
        fit(net, X, np.zeros(len(X), int))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([1, 2], "labels from 0 to 1, got 1 to 2"),
        ([-1, 1], "labels from 0 to 1, got -1 to 1"),
        ([0], r"shape \(2,\) or .* \(2, 2\), got int64 \(1,\)"),
        ([0, 1, 1], r"got int64 \(3,\)"),
        ([0.0, 1.0], r"got float64 \(2,\)"),
        ([[0], [1]], r"got int64 \(2, 1\)"),
        ([[1, 0], [1, 1]], r"probabilities, .* got a row \[1\. 1\.\]"),
        ([[np.nan, 0], [0, 1]], "targets must be finite"),
    ],
)
def test_bad_targets(targets, message):
    net = MLP([2, 3, 2], "tanh")
    with pytest.raises(ValueError, match=message):
        net.error(np.zeros((2, 2)), targets)
    with pytest.raises(ValueError, match=message):
        fit(net, np.zeros((2, 2)), targets)
    net.forward(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=message):
        net.backward(targets)


def test_one_output_of_a_softmax_is_refused():
    net, X = MLP([2, 3, 1], "tanh"), np.zeros((2, 2))
    with pytest.raises(ValueError, match="labels from 0 to 0, got 0 to 1"):
        fit(net, X, [0, 1])
    with pytest.raises(ValueError, match="probabilities"):
        fit(net, X, [[0.0], [1.0]])


@pytest.mark.parametrize("rate", [0, -0.1, np.nan, "0.1"])
def test_bad_learning_rate(rate):
    net, x, d = mlp.worked_example()
    with pytest.raises(ValueError, match="learning_rate must be a finite number > 0"):
        fit(net, x, d, learning_rate=rate)


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_bad_batch_size(size):
    net, x, d = mlp.worked_example()
    with pytest.raises(ValueError, match="batch_size must be a whole number >= 1"):
        fit(net, x, d, batch_size=size)


@pytest.mark.filterwarnings("ignore:(overflow|invalid):RuntimeWarning")
def test_divergence_is_an_error():
    net = MLP([2, 3, 2], "relu", "squared_error")
    X, D = example(net)
    with pytest.raises(FloatingPointError, match=r"learning_rate=1e\+30 is too large"):
        fit(net, X, D, epochs=50, learning_rate=1e30)


def test_values_of_old_weights_are_gone():
    net, x, d = mlp.worked_example()
    net.step(0.1)
    with pytest.raises(AttributeError, match="'z'"):
        net.backward(d)
    with pytest.raises(AttributeError, match="'z'"):
        MLP([2, 3, 2], "tanh").backward(d)


def test_the_example_stays_as_it_was():
    net, _, _ = mlp.worked_example()
    net.step(0.1)
    for ours, kept in zip(net.weights, mlp.EXAMPLE_WEIGHTS, strict=True):
        assert not np.array_equal(ours, kept)
    assert np.array_equal(mlp.EXAMPLE_BIASES[0], [0, 0, -0.5])
