"""Published networks: counts and names as published, weights from a server of ours."""

import hashlib
import http.server
import io
import threading
from dataclasses import replace

import pooch
import pytest
import torch
from test_resnet import disturb

from utils import data, zoo
from utils.counting import count_macs, count_parameters
from utils.dissection import count_depth
from utils.training import seed_everything

pytestmark = pytest.mark.usefixtures("seeded")

# net, units of each stage, convolutions in a unit, parameters, and MACs at 224 x 224
# with the stride in the first 1 x 1 and in the 3 x 3 of a bottleneck
ZOO = [
    ("resnet18", (2, 2, 2, 2), 2, 11_689_512, 1_814_073_344, 1_814_073_344),
    ("resnet34", (3, 4, 6, 3), 2, 21_797_672, 3_663_761_408, 3_663_761_408),
    ("resnet50", (3, 4, 6, 3), 3, 25_557_032, 3_857_973_248, 4_089_184_256),
    ("resnet101", (3, 4, 23, 3), 3, 44_549_160, 7_570_194_432, 7_801_405_440),
    ("resnet152", (3, 8, 36, 3), 3, 60_192_808, 11_282_415_616, 11_513_626_624),
]
every_net = pytest.mark.parametrize("row", ZOO, ids=lambda row: row[0])


def on_meta(build, *args, **kwargs):
    with torch.device("meta"):
        return build(*args, **kwargs)


def names_and_shapes(blocks, layers, num_classes=1000):
    """What the zoo's checkpoints hold, from the architecture."""
    found = {"conv1.weight": (64, 3, 7, 7)}

    def norm(name, channels):
        for key in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{key}"] = (channels,)
        found[f"{name}.num_batches_tracked"] = ()

    norm("bn1", 64)
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        outputs = width if layers == 2 else 4 * width
        sizes = [(inputs, width, 3), (width, width, 3)]
        if layers == 3:
            sizes = [(inputs, width, 1), (width, width, 3), (width, outputs, 1)]
        for i in range(count):
            name = f"layer{stage + 1}.{i}"
            for k, (c, d, n) in enumerate(sizes, start=1):
                c = outputs if i and k == 1 else c
                found[f"{name}.conv{k}.weight"] = (d, c, n, n)
                norm(f"{name}.bn{k}", d)
            if i == 0 and (stage > 0 or layers == 3):
                found[f"{name}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                norm(f"{name}.downsample.1", outputs)
        inputs = outputs
    return found | {"fc.weight": (num_classes, inputs), "fc.bias": (num_classes,)}


@every_net
def test_names_and_shapes_are_those_of_the_zoo(row):
    name, blocks, layers, *_ = row
    state = on_meta(zoo.build, name).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes == names_and_shapes(blocks, layers)
    assert list(shapes) == list(names_and_shapes(blocks, layers))


def test_some_names_of_the_zoo_as_it_writes_them():
    """Against a slip that the list above could share."""
    state = on_meta(zoo.build, "resnet50").state_dict()
    assert len(state) == 320
    for name, shape in {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_var": (64,),
        "layer1.0.conv1.weight": (64, 64, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.downsample.1.bias": (256,),
        "layer3.5.conv2.weight": (256, 256, 3, 3),
        "layer4.0.conv1.weight": (512, 1024, 1, 1),
        "layer4.2.bn3.weight": (2048,),
        "fc.weight": (1000, 2048),
    }.items():
        assert tuple(state[name].shape) == shape, name


@every_net
def test_counts_are_the_published_ones(row):
    name, blocks, layers, parameters, macs, macs_3x3 = row
    net = on_meta(zoo.build, name)
    assert count_parameters(net) == parameters
    assert count_macs(net, (3, 224, 224)) == macs
    assert count_depth(net) == 1 + layers * sum(blocks) + 1 == int(name[6:])
    if layers == 3:
        later = on_meta(zoo.build, name, stride_at="3x3")
        assert count_parameters(later) == parameters
        assert count_macs(later, (3, 224, 224)) == macs_3x3


def test_counts_of_the_nets_to_compare_with():
    plain, vgg = on_meta(zoo.plain34), on_meta(zoo.vgg19)
    padded = on_meta(zoo.build, "resnet34", shortcut="A")
    assert count_depth(plain) == 34
    assert count_parameters(plain) == count_parameters(padded) == 21_623_848
    assert count_macs(plain, (3, 224, 224)) == count_macs(padded, (3, 224, 224))
    assert count_parameters(vgg) == 143_667_240
    assert count_macs(vgg, (3, 224, 224)) == 19_632_062_464
    assert count_depth(vgg) == 19
    assert tuple(vgg(torch.zeros(2, 3, 224, 224, device="meta")).shape) == (2, 1000)


@every_net
def test_every_net_goes_forward_and_back(row):
    """The small ones in numbers, the large ones in shapes alone."""
    device = "cpu" if row[0] in ("resnet18", "resnet50") else "meta"
    with torch.device(device):
        net = zoo.build(row[0], num_classes=7)
        logits = net(torch.rand(2, 3, 64, 64))
        assert tuple(logits.shape) == (2, 7)
        logits.square().mean().backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.shape == weight.shape
        assert device == "meta" or weight.grad.abs().max() > 0, name


# --------------------------------------------- weights from a server on this machine


def saved(state) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def published_weights():
    """A checkpoint of ResNet-18 with weights of our own, as an old zoo has saved it."""
    seed_everything(7)
    state = disturb(zoo.build("resnet18")).state_dict()
    state = {k: v for k, v in state.items() if "num_batches_tracked" not in k}
    return state, saved(state)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server on this machine, and an empty cache; `serve` says what it answers.

    `serve(content)` publishes it as the weights of ResNet-18; `serve(content, answer)`
    publishes the hash of one and sends the other; None is a 404.
    """
    answers, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = answers["content"]
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
    cache = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    monkeypatch.setattr(data, "_failed_hosts", set())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("COURSE_DATA", raising=False)

    def serve(content, *answer):
        sha256 = hashlib.sha256(content).hexdigest()
        file = zoo.WEIGHTS["resnet18"]
        file = replace(
            file,
            sha256=sha256,
            urls=(f"http://127.0.0.1:{running.server_port}/{file.name}",),
            contents={file.name: sha256},
        )
        monkeypatch.setitem(zoo.WEIGHTS, "resnet18", file)
        answers["content"] = answer[0] if answer else content
        return cache / file.name

    serve.asked = asked
    yield serve
    running.shutdown()
    running.server_close()


def assert_holds(net, state):
    for name, value in net.state_dict().items():
        if "num_batches_tracked" not in name:
            assert torch.equal(value, state[name]), name


def test_the_table_of_weights_is_the_zoo_s():
    starts = {
        "resnet18": "f37072fd",
        "resnet34": "b627a593",
        "resnet50": "0676ba61",
        "resnet101": "63fe2227",
        "resnet152": "394f9c45",
    }
    assert {row[0] for row in ZOO} == set(starts) == set(zoo.WEIGHTS)
    for name, start in starts.items():
        file = zoo.WEIGHTS[name]
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.sha256.startswith(start)
        assert file.contents == {file.name: file.sha256}
        assert file.urls == (f"https://download.pytorch.org/models/{name}-{start}.pth",)


def test_weights_are_downloaded_once_verified_and_loaded(server, published_weights):
    state, content = published_weights
    path = server(content)
    net = zoo.pretrained("resnet18")
    assert_holds(net, state)
    assert len(server.asked) == 1
    assert path.read_bytes() == content
    assert_holds(zoo.pretrained("resnet18"), state)
    assert len(server.asked) == 1  # the second time from the cache
    path.write_bytes(content[:-1])  # damaged: fetched again
    assert_holds(zoo.pretrained("resnet18"), state)
    assert len(server.asked) == 2


def test_weights_from_the_folder_of_the_course(
    server, published_weights, tmp_path, monkeypatch
):
    state, content = published_weights
    name = "weights/resnet18-f37072fd.pth"
    server(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(
        data.DataError, match="there is no .*resnet18-f37072fd.pth"
    ) as e:
        zoo.pretrained("resnet18")
    assert f"Put {name} there as published" in str(e.value)
    assert "zoo.build('resnet18') is the net untrained" in str(e.value)
    assert "mnist5k" not in str(e.value)
    (tmp_path / "weights").mkdir()
    (tmp_path / name).write_bytes(content)
    assert_holds(zoo.pretrained("resnet18"), state)
    (tmp_path / name).write_bytes(content + b"!")
    with pytest.raises(data.DataError, match="damaged, or not the published file"):
        zoo.pretrained("resnet18")
    assert not server.asked


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "answered 404"),
        (b"<html>Please log in</html>", "sent something else than the published file"),
    ],
)
def test_weights_that_cannot_be_had(answer, message, server):
    path = server(b"the published file", answer)
    with pytest.raises(data.DataError, match=message) as caught:
        zoo.pretrained("resnet18")
    assert "it cannot be downloaded" in str(caught.value)
    assert "COURSE_DATA name a folder with weights/resnet18" in str(caught.value)
    assert "zoo.build('resnet18') is the net untrained" in str(caught.value)
    assert not path.exists()


class Code:
    """Unpickled, it would call a function."""

    def __reduce__(self):
        return exec, ("raise SystemExit('code in a checkpoint was executed')",)


@pytest.mark.parametrize(
    "content",
    [b"no checkpoint", saved({"conv1.weight": torch.zeros(1)}), saved(Code())],
    ids=["no checkpoint", "of another net", "code"],
)
def test_files_that_are_no_weights_of_the_net(content, server):
    server(content)
    with pytest.raises(data.DataError, match="holds no weights of resnet18"):
        zoo.pretrained("resnet18")


def test_weights_of_bottlenecks_have_their_stride_where_they_were_trained(monkeypatch):
    """In the 3 x 3; the paper's net, built untrained, has it in the first 1 x 1."""
    monkeypatch.setattr(zoo, "published", lambda file: saved({}))
    monkeypatch.setattr(zoo.ResNet, "load_state_dict", lambda self, state: None)
    for build, strides in ((zoo.pretrained, (1, 2)), (zoo.build, (2, 1))):
        unit = on_meta(build, "resnet50").layer2[0]
        assert (unit.first, unit.conv2.stride[0]) == strides


def test_nets_that_are_not_in_the_zoo():
    for build in (zoo.build, zoo.pretrained):
        with pytest.raises(ValueError, match="name must be one of 'resnet18'"):
            build("resnet42")
    with pytest.raises(KeyError, match="2x2"):
        on_meta(zoo.build, "resnet50", stride_at="2x2")
    with pytest.raises(TypeError, match="stride_at"):
        on_meta(zoo.build, "resnet18", stride_at="3x3")
