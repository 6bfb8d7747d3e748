"""Published networks by name, with their published weights, and those they came from.

The names of the parameters are those of torchvision, so that its checkpoints load.
"""

import io

from torch import nn

from utils.checking import checked_choice
from utils.checkpoints import read_tensors
from utils.data import DataError, RemoteFile, published
from utils.resnet import Bottleneck, PlainUnit, ResidualUnit, ResNet
from utils.vgg import VGG19, vgg

# Name -> unit, channels of the first stage, units in each of the four stages.
ARCHITECTURES = {
    "resnet18": (ResidualUnit, 64, (2, 2, 2, 2)),  # 11,689,512 parameters
    "resnet34": (ResidualUnit, 64, (3, 4, 6, 3)),  # 21,797,672
    "resnet50": (Bottleneck, 256, (3, 4, 6, 3)),  # 25,557,032
    "resnet101": (Bottleneck, 256, (3, 4, 23, 3)),  # 44,549,160
    "resnet152": (Bottleneck, 256, (3, 8, 36, 3)),  # 60,192,808
}
# Name -> SHA-256 of the file of weights trained on ImageNet, whose name has its start.
_HASHES = dict(
    resnet18="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    resnet34="b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
    resnet50="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
    resnet101="63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
    resnet152="394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58",
)
WEIGHTS = {
    name: RemoteFile(
        f"weights/{name}-{sha256[:8]}.pth",
        sha256,
        (f"https://download.pytorch.org/models/{name}-{sha256[:8]}.pth",),
        {f"weights/{name}-{sha256[:8]}.pth": sha256},
        f"zoo.build({name!r}) is the net untrained, and needs no file.",
    )
    for name, sha256 in _HASHES.items()
}


def build(name: str, num_classes: int = 1000, **options) -> ResNet:
    """An untrained net: (N, 3, H, W) -> logits (N, num_classes).

    Args:
        name: "resnet18", "resnet34", "resnet50", "resnet101" or "resnet152".
        num_classes: logits.
        options: of the units: `shortcut`, and `stride_at` in those from 50 layers on.

    Raises:
        ValueError: another name.
    """
    unit, width, blocks = ARCHITECTURES[checked_choice("name", name, ARCHITECTURES)]
    return ResNet(unit, width, blocks, num_classes, **options)


def pretrained(name: str) -> ResNet:
    """A net with the weights that torchvision publishes, trained on ImageNet.

    They are a file of 45 to 230 MB, from COURSE_DATA, the cache or the network, and
    verified. Bottlenecks have their stride in the 3 x 3, with which they were trained.
    For other classes, replace the net's `fc`.

    Args:
        name: as for `build`.

    Raises:
        ValueError: another name.
        utils.data.DataError: the weights cannot be had, or are not the published ones.
    """
    file = WEIGHTS[checked_choice("name", name, ARCHITECTURES)]
    bottleneck = ARCHITECTURES[name][0] is Bottleneck
    model = build(name, **{"stride_at": "3x3"} if bottleneck else {})
    content = published(file)
    try:
        model.load_state_dict(read_tensors(io.BytesIO(content), file.name))
    except MemoryError:
        raise
    except Exception as error:  # whatever it is, the file is of no use
        raise DataError(
            f"{file.name} holds no weights of {name} ({type(error).__name__}): compare "
            f"its entry in WEIGHTS with {file.urls[0]}. {file.instead}"
        ) from error
    return model


def plain34(num_classes: int = 1000) -> ResNet:
    """ResNet-34 without its shortcuts: 34 layers, one after another."""
    return ResNet(PlainUnit, 64, (3, 4, 6, 3), num_classes)


def vgg19(num_classes: int = 1000) -> nn.Sequential:
    """VGG-19: (N, 3, 224, 224) -> (N, num_classes), 143,667,240 parameters.

    The deep net that ResNet's authors set out from: 16 convolutions, and three fully
    connected layers.
    """
    return vgg(VGG19, num_classes)
