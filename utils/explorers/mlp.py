"""Values and delta flowing through the 2-3-2 network of chapter 2."""

import numpy as np
import traitlets

from utils import mlp
from utils.explorers import Explorer
from utils.figures import mlp as figures


class MLPExplorer(Explorer):
    """A 2-3-2 network to step through, forwards and backwards.

    It starts as `mlp.worked_example`: the traits hold that network and its example.
    """

    name = "mlp"
    title = "Values go forward, δ comes back"
    description = (
        "A network with two inputs, three hidden units and two outputs, drawn with the "
        "values a and z of each unit, the δ that came back to it, and its weights as "
        "lines: wide if large, orange and dashed if negative. In a live page you step "
        "forward and back through the layers, change any weight, input or desired "
        "output, and take steps down the error."
    )
    x = traitlets.List(traitlets.Float(), minlen=2, maxlen=2).tag(sync=True)
    d = traitlets.List(traitlets.Float(), minlen=2, maxlen=2).tag(sync=True)
    weights = traitlets.List().tag(sync=True)
    biases = traitlets.List().tag(sync=True)
    activation = traitlets.Enum(list(mlp.ACTIVATIONS), "tanh").tag(sync=True)
    loss = traitlets.Enum(list(mlp.LOSSES), "cross_entropy").tag(sync=True)
    learning_rate = traitlets.Float(0.1, min=0.05, max=5).tag(sync=True)

    def __init__(self, **kwargs):
        net, x, d = mlp.worked_example()
        super().__init__(
            **{
                "x": x[0].tolist(),
                "d": d[0].tolist(),
                "weights": [w.tolist() for w in net.weights],
                "biases": [b.tolist() for b in net.biases],
                "activation": net.activation,
                "loss": net.loss,
                **kwargs,
            }
        )

    def still(self):
        net = mlp.MLP([2, 3, 2], self.activation, self.loss)
        net.weights = [np.array(weights, float) for weights in self.weights]
        net.biases = [np.array(biases, float) for biases in self.biases]
        net.forward(np.array([self.x], float))
        net.backward(np.array([self.d], float))
        return figures.network(net.weights, net.a, net.z, net.delta)
