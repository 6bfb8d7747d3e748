"""The perceptron playground: drag points, step the learning rule, see w turn."""

import traitlets

from utils import perceptron, plotting
from utils.explorers import Explorer
from utils.figures import perceptron as figures


class PerceptronExplorer(Explorer):
    """Points of two classes in a plane, and a perceptron that learns them.

    Args:
        example: the points to begin with, a name in `perceptron.EXAMPLES`.
        learning_rate: 1, 0.5 or 0.25. These and the grid of quarters on which the
            points lie make all sums exact, so that a tie is a tie in every language.
        fit_intercept: whether the bias learns.
        plays: whether it learns by itself, again and again, as on the start page, until
            the reader pauses it. With less motion it shows the end.
    """

    name = "perceptron"
    title = "Perceptron playground"
    description = (
        "Points of two classes in a plane, the line of a perceptron with its normal w, "
        "and the mistakes of each pass; drag the points and step the learning rule."
    )
    examples = traitlets.Dict().tag(sync=True)
    example = traitlets.Enum(list(perceptron.EXAMPLES), "six points").tag(sync=True)
    learning_rate = traitlets.Enum([1.0, 0.5, 0.25], 1.0).tag(sync=True)
    fit_intercept = traitlets.Bool(True).tag(sync=True)
    plays = traitlets.Bool(False).tag(sync=True)

    @traitlets.default("examples")
    def _examples(self):
        return {
            name: [[*map(float, x), int(label)] for x, label in zip(X, y, strict=True)]
            for name, (X, y) in perceptron.EXAMPLES.items()
        }

    def still(self):
        """The points, the line after at most 20 passes, the mistakes of each pass."""
        X, y = perceptron.EXAMPLES[self.example]
        model = perceptron.Perceptron(
            self.learning_rate, self.fit_intercept, max_epochs=20
        ).fit(X, y)
        fig, (plane, bars) = plotting.plt.subplots(
            1, 2, figsize=(6.4, 3.4), width_ratios=[3, 2]
        )
        figures.draw(plane, X, y, model.coef_[0], model.intercept_[0])
        bars.bar(range(1, model.n_iter_ + 1), model.mistakes_)
        bars.set(xlabel="pass", ylabel="mistakes", ylim=(0, len(X)))
        bars.xaxis.get_major_locator().set_params(integer=True)
        return fig
