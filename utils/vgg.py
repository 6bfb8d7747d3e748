"""VGG and Network in Network: depth from small kernels, and layers at every pixel.

Sources: K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale
image recognition" (2014), arXiv:1409.1556, configurations D and E; M. Lin, Q. Chen and
S. Yan, "Network in network" (2013), arXiv:1312.4400.
"""

from torch import nn

# Maps of the convolutions in each block, and how many there are of them.
VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
VGG19 = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))


def vgg(blocks, num_classes=1000):
    """(N, 3, 224, 224) -> logits; 138,357,544 parameters for VGG16, 143,667,240 for 19.

    The names of the parameters are those of torchvision, so that its checkpoints load.
    """
    features, channels = nn.Sequential(), 3
    for maps, count in blocks:
        for _ in range(count):
            features.append(nn.Conv2d(channels, maps, 3, padding=1))
            features.append(nn.ReLU())
            channels = maps
        features.append(nn.MaxPool2d(2))  # sides 112, 56, 28, 14, 7
    net = nn.Sequential()
    net.add_module("features", features)
    net.add_module("flatten", nn.Flatten())
    net.add_module("classifier", nn.Sequential())
    for inputs in (channels * 7 * 7, 4096):
        net.classifier.append(nn.Linear(inputs, 4096))
        net.classifier.extend([nn.ReLU(), nn.Dropout()])
    net.classifier.append(nn.Linear(4096, num_classes))
    return net


def nin_block(in_channels, maps, kernel_size):
    """A convolution, then two fully connected layers at every pixel: 1 x 1."""
    layers = []
    for out_channels, k in zip(maps, (kernel_size, 1, 1), strict=True):
        layers.append(nn.Conv2d(in_channels, out_channels, k, padding=k // 2))
        layers.append(nn.ReLU())
        in_channels = out_channels
    return layers


def nin(num_classes=10):
    """(N, 3, 32, 32) -> logits: 966,986 parameters, the network for CIFAR-10."""
    return nn.Sequential(
        *nin_block(3, (192, 160, 96), 5),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 96, 16, 16)
        nn.Dropout(),
        *nin_block(96, (192, 192, 192), 5),
        nn.AvgPool2d(3, stride=2, ceil_mode=True),  # (N, 192, 8, 8)
        nn.Dropout(),
        *nin_block(192, (192, 192, num_classes), 3),
        nn.AdaptiveAvgPool2d(1),  # the mean of a map is its logit
        nn.Flatten(),
    )
