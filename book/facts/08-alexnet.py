"""Where the numbers of chapter 8 come from."""

import math
import statistics

from book.facts import cited, computed
from utils import alexnet, counting, data, experiments, records


def to_a_quarter(name):
    """The epoch in which each seed's training error comes to 25 %, or None."""
    curves = records.curves(records.load_record("alexnet-race"), name, "train_accuracy")
    return [records.epochs_to_reach(curve, 0.75) for curve in curves]


EPOCHS = experiments.EXPERIMENTS["alexnet-race"].variants["ReLU"].epochs


def total(**changes):
    """Parameters of AlexNet with other layers."""
    return sum(s.parameters for s in counting.walk(counting.changed(**changes)))


def variants():
    """From the published AlexNet to that of torchvision, step by step."""
    layers = {name: {"groups": 1} for name in ("conv2", "conv4", "conv5")}
    totals, widths = [total(), total(**layers)], []
    for name, old, new in (("conv1", 96, 64), ("conv2", 256, 192), ("conv4", 384, 256)):
        layers[name] = layers.get(name, {}) | {"channels": new}
        totals.append(total(**layers))
        widths.append((old, new))
    a, b, *rest = totals
    steps = zip(widths, [b, *rest], rest, strict=False)
    return a, b - a, b, *(n for w, x, y in steps for n in (*w, x - y, y))


def held_out(name):
    """Right answers, in per cent of three seeds' mean, without an ingredient."""
    record = records.load_record("alexnet-ingredients")
    return 100 * statistics.mean(records.finals(record, name, "test_accuracy"))


def start():
    """What four layers with weights of deviation 0.01 make of a signal's spread."""
    inputs = (25, 16 * 25, 16 * 25, 32 * 16)
    factors = [0.01 * n**0.5 for n in inputs]
    return 0.01, 0.01, *inputs, *factors, math.prod(factors)


FACTS = [
    cited(
        "In 2012 a convolutional network won",
        "krizhevsky2012",
    ),
    computed(
        "eight layers with weights, {:.0f} million of them",
        lambda: sum(s.parameters for s in counting.walk()) / 1e6,
    ),
    cited(
        "## 8.1 Why 2012",
        "krizhevsky2012",
    ),
    cited(
        "whose layer 4 has 256 maps (the paper's footnote says 384)", "krizhevsky2014"
    ),
    cited("His paper says as much: 0.2 % more parameters", "krizhevsky2014"),
    computed(
        "With the {} maps of its footnote it would be {:.1f} %.",
        lambda: (lambda v: (v[11], 100 * (v[10] / v[0] - 1)))(variants()),
    ),
    cited(
        "Convolution, pooling",
        "fukushima1980",
    ),
    cited(
        "all of it was there by 1989.",
        "lecun1989",
    ),
    cited(
        "60,000 colour photographs of 32×32 pixels in ten classes, six of animals and "
        "four of vehicles, 10,000 of them for testing",
        "krizhevsky2009",
    ),
    computed(
        "without dropout: {:,} test errors, where the same net with tanh makes {:,}, "
        "one seed each",
        lambda: tuple(
            errors
            for name in ("ReLU", "tanh")
            for errors in records.finals(records.load_record("alexnet-cifar10"), name)
        ),
    ),
    cited(
        "a training error of 25 % six times sooner than with tanh",
        "krizhevsky2012",
    ),
    cited(
        "1.7 points less error than with half the kernels on one GPU",
        "krizhevsky2012",
    ),
    cited(
        "| local response normalisation | maps compete | 1.4 points |",
        "krizhevsky2012",
    ),
    cited(
        "| overlapping pooling | less over-fitting | 0.4 points |",
        "krizhevsky2012",
    ),
    computed(
        "The image has {}×{} pixels. Layer 1 has kernels of {}×{}",
        lambda: ((224, 224, *[counting.ALEXNET[0].kernel_size] * 2)),
    ),
    computed(
        "$({}+4-{})/4+1={}$, rounded down {}. Pooling",
        lambda: (
            (
                224,
                counting.ALEXNET[0].kernel_size,
                counting.walk()[0].quotient,
                counting.walk()[0].size,
            )
        ),
    ),
    computed(
        "$({}-3)/2+1={}$. Layer 2 has 5×5 kernels on a border of 2, which keeps {}.",
        lambda: tuple(s.size for s in counting.walk()[:3]),
    ),
    computed(
        r"$${} \xrightarrow{{\text{{conv1}}}} {} "
        r"\xrightarrow{{\text{{pool1}}}} {} \xrightarrow{{\text{{conv2}}}} "
        r"{} \xrightarrow{{\text{{pool2}}}} {} \xrightarrow{{\text{{conv3, "
        r"4, 5}}}} {} \xrightarrow{{\text{{pool5}}}} 6",
        lambda: (
            (224, *[s.size for s in counting.walk()[:4]], counting.walk()[6].size)
        ),
    ),
    computed(
        "three fully connected layers, of {:,}, {:,} and {:,} neurons",
        lambda: tuple(s.channels for s in counting.walk()[8:]),
    ),
    computed(
        "which are not {} maps of {}×{}",
        lambda: (
            (
                counting.walk()[0].channels,
                counting.walk()[0].size,
                counting.walk()[0].size,
            )
        ),
    ),
    computed(
        "if the image has {} pixels?",
        lambda: 2**8,
    ),
    cited(
        "The paper gives images of 224 pixels, kernels of 11, a stride of 4",
        "krizhevsky2012",
    ),
    computed(
        "Count: $({}-{})/4+1={}$. The floor is {}, not {}.",
        lambda: (
            (
                224,
                11,
                (lambda s: s.quotient)(
                    counting.walk(counting.changed(conv1={"padding": 0}))[0]
                ),
                counting.walk(counting.changed(conv1={"padding": 0}))[0].size,
                counting.walk()[0].size,
            )
        ),
    ),
    computed(
        "two ways to get {}: pad {} pixels by 2, or begin with {} and no padding",
        lambda: ((counting.walk()[0].size, 224, 11 + 4 * (55 - 1))),
    ),
    computed(
        r"$({}-{})/4+1={}$ comes out even. Of the ${}+2\cdot 2={}$ padded "
        r"pixels the windows meet {} as well",
        lambda: (
            (
                227,
                11,
                (227 - 11) // 4 + 1,
                224,
                224 + 4,
                224 + 4 - counting.walk()[0].lost,
            )
        ),
    ),
    computed(
        "Layer 2 has {} kernels, each on {} maps (half of the {};",
        lambda: ((alexnet.CHANNELS[1], alexnet.CHANNELS[0] // 2, alexnet.CHANNELS[0])),
    ),
    computed(
        r"The first fully connected layer has {:,} neurons that read ${}\cdot 6\cdot "
        r"6$ numbers",
        lambda: ((counting.walk()[8].channels, counting.walk()[7].channels)),
    ),
    computed(
        r"$${}\,({}\cdot {}+1)={:,} \qquad {}\,({}+1)={:,}$$",
        lambda: (
            (
                256,
                48,
                5**2,
                counting.walk()[2].parameters,
                4096,
                256 * 6**2,
                counting.walk()[8].parameters,
            )
        ),
    ),
    computed(
        r"used at ${}\cdot {}$ places",
        lambda: ((counting.walk()[2].size, counting.walk()[2].size)),
    ),
    computed(
        "layer 2 needs {:.0f} million multiplications, and the fully connected layer, "
        "with over a hundred times its parameters, {:.0f} million",
        lambda: ((counting.walk()[2].macs / 1e6, counting.walk()[8].macs / 1e6)),
    ),
    cited(
        "The authors' graphics cards had three gigabytes each.",
        "krizhevsky2012",
    ),
    computed(
        "for images of {}×{} pixels, which we will train",
        lambda: (alexnet.IMAGES[3][0],) * 2,
    ),
    computed(
        "(Digits, {}×{}, get a border",
        lambda: (alexnet.IMAGES[1][0],) * 2,
    ),
    cited(
        r"with $k=2$, $n=5$, $\alpha=10^{-4}$, $\beta=3/4$",
        "krizhevsky2012",
    ),
    computed(
        "the sum of squares is {}, and $b=2/(2+{})^{{3/4}}=2/8=1/4$",
        lambda: (1 + 4 + 9,) * 2,
    ),
    computed(
        r"$2/(2+4)^{{3/4}}\approx {:.2f}$",
        lambda: 2 / (2 + 4) ** 0.75,
    ),
    cited(
        r"With $\alpha=10^{-4}$, does",
        "krizhevsky2012",
    ),
    cited(
        "pixels are bytes less their mean, so about $-128$ to $128$",
        "krizhevsky2012",
    ),
    computed(
        r"makes them {} times smaller, and squares of activities ${}^2$ "
        r"times; its $\alpha$ is ${}^{{-4}}\cdot {}^2\approx {:.2f}$",
        lambda: ((64, 64, 10, 64, alexnet.SmallAlexNet().norm1.alpha)),
    ),
    cited(
        "the authors had 0.4 points less error",
        "krizhevsky2012",
    ),
    cited(
        "brought to 256×256 pixels, and the network saw a random crop of 224×224, "
        "mirrored or not.",
        "krizhevsky2012",
    ),
    computed(
        r"That makes ${}\cdot {}\cdot 2={:,}$ pictures of one.",
        lambda: ((256 - 224 + 1, 256 - 224 + 1, (256 - 224 + 1) ** 2 * 2)),
    ),
    cited(
        "The paper counts 2,048. In use the network's answers for ten such crops",
        "krizhevsky2012",
    ),
    cited(
        r"\sim \mathcal N(0,\ 0.1^2)",
        "krizhevsky2012",
    ),
    computed(
        "with pixels from 0 to {} the first shift",
        lambda: 2**8 - 1,
    ),
    computed(
        r"If all {:,} classes look equally likely, $\ln {}={:.2f}$",
        lambda: ((1000, 1000, math.log(1000))),
    ),
    cited(
        "normal with standard deviation 0.01, biases 1 in layers 2, 4, 5 "
        "and the hidden fully connected layers",
        "krizhevsky2012",
    ),
    computed(
        "With fully connected layers of {} neurons",
        lambda: alexnet.SmallAlexNet().fc6.out_features,
    ),
    cited(
        "What is different from 2012?",
        "krizhevsky2012",
    ),
    cited(
        "A famous figure of the paper shows the 96 kernels of layer 1.",
        "krizhevsky2012",
    ),
    computed(
        "{:.0f} % of a kernel's square is colour on average, against {:.0f} "
        "% in the first",
        lambda: (
            lambda k: tuple(
                100
                * float(
                    (
                        (h - h.mean(1, keepdim=True)).square().sum((1, 2, 3))
                        / h.square().sum((1, 2, 3))
                    ).mean()
                )
                for h in (k[16:], k[:16])
            )
        )(records.load_weights("alexnet-cifar10")["conv1.weight"]),
    ),
    computed(
        "Deal the {} kernels anew",
        lambda: alexnet.SmallAlexNet().conv1.out_channels,
    ),
    computed(
        "With {}×{} pixels some are hard",
        lambda: records.wrong_images(
            records.kept_run(records.load_record("alexnet-cifar10"))
        ).shape[2:],
    ),
    computed(
        "twice the {:,} numbers in all",
        lambda: (
            counting.walk()[3].size ** 2 * 256
            + sum(s.channels * s.size**2 for s in counting.walk()[7:])
        ),
    ),
    cited(
        "with batches of 128, as in the paper,",
        "krizhevsky2012",
    ),
    computed(
        r"three fully connected layers: ${}\to {}\to {}\to {}\to 6$. It takes a "
        r"padding of 2 in layer 1 (or {} pixels and none)",
        lambda: (
            (224, *(counting.walk()[k].size for k in (0, 1, 3)), 11 + 4 * (55 - 1))
        ),
    ),
    computed(
        "It has {:,} parameters, {:.1f} % of them in fully connected layers, and does "
        "{:.1f} million MACs an image, {:.1f} % of them in convolutions. "
        "Ungrouped it would have {:,}; torchvision's net is another one, with "
        "{:,}.",
        lambda: (
            lambda w: (
                sum(s.parameters for s in w),
                100 * sum(s.parameters for s in w[8:]) / sum(s.parameters for s in w),
                sum(s.macs for s in w) / 1e6,
                100 * sum(s.macs for s in w[:8]) / sum(s.macs for s in w),
                sum(
                    s.parameters
                    for s in counting.walk(
                        counting.changed(
                            conv2={"groups": 1},
                            conv4={"groups": 1},
                            conv5={"groups": 1},
                        )
                    )
                ),
                sum(
                    s.parameters
                    for s in counting.walk(
                        counting.changed(
                            conv1={"channels": 64},
                            conv2={"channels": 192, "groups": 1},
                            conv4={"channels": 256, "groups": 1},
                            conv5={"groups": 1},
                        )
                    )
                ),
            )
        )(counting.walk()),
    ),
    computed(
        "One linear model, {:,} digits:",
        lambda: len(data.mnist5k()[0].y),
    ),
    cited(
        "The contest gave 1.2 million labelled photographs of ImageNet, in 1,000 "
        "classes;",
        "krizhevsky2012",
    ),
    cited(
        "| 2010 | features by hand, a linear model | | 28.2 % | | 2011 | the same kind "
        "| | 25.8 % |",
        "russakovsky2015",
    ),
    cited(
        "| 2012 | the best by hand, second | | 26.2 % | | 2012 | AlexNet, one "
        "network, on the validation photographs | 1 | 18.2 % | | 2012 | AlexNet, the "
        "contest's photographs alone | 5 | 16.4 % | | 2012 | AlexNet, two of them "
        "trained on more photographs beforehand, first | 7 | 15.3 % |",
        "krizhevsky2012",
    ),
    cited(
        "The paper's abstract speaks of 650,000 neurons.",
        "krizhevsky2012",
    ),
    cited(
        "It counts 253,440 neurons in layer 1,",
        "krizhevsky2012",
    ),
    computed(
        "(They would be {} of {}×{}.)",
        lambda: (96, 55, 253_440 // 96 // 55),
    ),
    computed(
        'Two networks have "{:.0f} million parameters"</summary> The published one has '
        "{:,}.",
        lambda: (total() / 1e6, total()),
    ),
    computed(
        "| as published | | {:,} | | layers 2, 4 and 5 see all maps | +{:,} | {:,} | "
        "| layer 1: {} → {} maps | −{:,} | {:,} | | layer 2: {} → {} maps | −{:,} | "
        "{:,} | | layer 4: {} → {} maps | −{:,} | {:,} |",
        variants,
    ),
    computed(
        r"With $\sigma={:.2f}$ this is ${:.2f}+{:.2f}={:.2f}$.",
        lambda: (lambda sigma, even: (sigma, even, sigma**2 / 2, even + sigma**2 / 2))(
            0.85, math.log(1000)
        ),
    ),
    cited(
        "with ReLU its training error comes down to 25 % in a sixth of the epochs",
        "krizhevsky2012",
    ),
    cited(
        "comes below the paper's 25 % by the third epoch",
        "krizhevsky2012",
    ),
    computed(
        "a factor of four apart, on {} digits:",
        lambda: 800,
    ),
    computed(
        "one seed on {} digits",
        lambda: 800,
    ),
    cited(
        "AlexNet drew all its weights with a standard deviation of 0.01.",
        "krizhevsky2012",
    ),
    cited("from 2015 on with batch normalisation", "ioffe2015"),
    computed(
        "from scaled weights and from those of deviation {}:",
        lambda: (
            experiments.EXPERIMENTS["alexnet-race-choice"]
            .variants["ReLU, σ 0.01, 0.01"]
            .model.args[1]
        ),
    ),
    computed(
        r"With a deviation of {} a layer of $n$ inputs multiplies the spread of the "
        r"signal by about ${}\sqrt n$. Here, for grey images, $n$ is {}, {}, {} and {}:"
        r" $${:.2f}\cdot {:.1f}\cdot {:.1f}\cdot {:.2f} \approx {:.4f}",
        start,
    ),
    computed(
        "The same on {:,} of CIFAR-10's photographs: batches of {}, a constant rate, "
        "momentum {:.1f},",
        lambda: (
            experiments.EXPERIMENTS["alexnet-race"].first,
            experiments.EXPERIMENTS["alexnet-race"].variants["ReLU"].batch_size,
            0.9,
        ),
    ),
    computed(
        "the start with {:g} costs each",
        lambda: 0.01,
    ),
    computed(
        "Now the race over {} epochs,",
        lambda: EPOCHS,
    ),
    computed(
        "Recorded on {:,} photographs, with three seeds: {} epochs,",
        lambda: (
            experiments.EXPERIMENTS["alexnet-ingredients"].first,
            experiments.EXPERIMENTS["alexnet-ingredients"].variants["all"].epochs,
        ),
    ),
    computed(
        "over the seeds: in training, during the last epoch; held out, on {:,} other "
        "photographs",
        lambda: experiments.EXPERIMENTS["alexnet-ingredients"].validation,
    ),
    computed(
        "It comes to the {:.0f} % of the paper in epoch {} with all three seeds; ReLU "
        "in epochs {} and {}, and with the third seed not within {}.",
        lambda: (25, *set(to_a_quarter("tanh")), *to_a_quarter("ReLU")[:2], EPOCHS),
    ),
    computed(
        "After {} epochs dropout costs {:.0f} points",
        lambda: (
            experiments.EXPERIMENTS["alexnet-ingredients"].variants["all"].epochs,
            held_out("no dropout") - held_out("all"),
        ),
    ),
    computed(
        "four layers on {:,} photographs, tanh came to {:.0f} % sooner",
        lambda: (experiments.EXPERIMENTS["alexnet-race"].first, 25),
    ),
    computed(
        "cost a small AlexNet accuracy in {} epochs",
        lambda: experiments.EXPERIMENTS["alexnet-ingredients"].variants["all"].epochs,
    ),
]
