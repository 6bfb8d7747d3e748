"""Plausible wrong answers to exercises/10-resnet.ipynb."""

# %% ex1: forgets batch normalisation
parameters = [1_179_648, 73_728, 69_632]
macs = [3_699_376_128, 231_211_008, 218_365_952]
kept = [512 * 56**2, 128 * 56**2, 384 * 56**2]
widest = 66

# %% ex1: one parameter a map, as if normalisation were a bias
parameters = [1_179_648 + 512, 73_728 + 128, 69_632 + 384]
macs = [3_699_376_128, 231_211_008, 218_365_952]
kept = [512 * 56**2, 128 * 56**2, 384 * 56**2]
widest = 66

# %% ex1: a bottleneck whose 3×3 reads all 256 maps
parameters = [1_180_672, 73_984, 9 * 256 * 64 + 64 * 256 + 2 * 320]
macs = [3_699_376_128, 231_211_008, 56**2 * (9 * 256 * 64 + 64 * 256)]
kept = [512 * 56**2, 128 * 56**2, 320 * 56**2]
widest = 66

# %% ex1: one convolution in place of two
parameters = [590_336, 36_992, 70_400]
macs = [1_849_688_064, 115_605_504, 218_365_952]
kept = [256 * 56**2, 64 * 56**2, 384 * 56**2]
widest = 66

# %% ex1: MACs of all parameters
parameters = [1_180_672, 73_984, 70_400]
macs = [1_180_672 * 56**2, 73_984 * 56**2, 70_400 * 56**2]
kept = [512 * 56**2, 128 * 56**2, 384 * 56**2]
widest = 66

# %% ex1: keeps only what leaves the unit
parameters = [1_180_672, 73_984, 70_400]
macs = [3_699_376_128, 231_211_008, 218_365_952]
kept = [256 * 56**2, 64 * 56**2, 256 * 56**2]
widest = 66

# %% ex1: the nearest width, rounded up
parameters = [1_180_672, 73_984, 70_400]
macs = [3_699_376_128, 231_211_008, 218_365_952]
kept = [512 * 56**2, 128 * 56**2, 384 * 56**2]
widest = 67

# %% ex2: counts projections into the depth
depths = [26 + 3, 200 + 4, 26 + 12, 74 + 2]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 3 / 4, 3 / 4
extra, extra_c = 173_824, 919_168

# %% ex2: two layers in a bottleneck
depths = [26, 134, 26, 74]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 3 / 4, 3 / 4
extra, extra_c = 173_824, 919_168

# %% ex2: counts only the units
depths = [24, 198, 24, 72]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 3 / 4, 3 / 4
extra, extra_c = 173_824, 919_168

# %% ex2: three projections, as in ResNet-34
depths = [26, 200, 26, 74]
weighty = 50 + 3
zeros, unread, unread_b = 1 / 2, 3 / 4, 3 / 4
extra, extra_c = 173_824, 919_168

# %% ex2: a projection reads every pixel
depths = [26, 200, 26, 74]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 3 / 4, 0
extra, extra_c = 173_824, 919_168

# %% ex2: every second pixel is half of them
depths = [26, 200, 26, 74]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 1 / 2, 1 / 2
extra, extra_c = 173_824, 919_168

# %% ex2: projections without their normalisation
depths = [26, 200, 26, 74]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 3 / 4, 3 / 4
extra = 64 * 128 + 128 * 256 + 256 * 512
extra_c = 3 * 64**2 + 3 * 128**2 + 5 * 256**2 + 2 * 512**2

# %% ex2: C against A
depths = [26, 200, 26, 74]
weighty = 50 + 4
zeros, unread, unread_b = 1 / 2, 3 / 4, 3 / 4
extra, extra_c = 173_824, 173_824 + 919_168


# %% ex3: ReLU before the addition
class Unit(ResidualUnit):
    def join(self, x, f):
        return self.shortcut(x) + F.relu(f)


# %% ex3: ReLU before the addition and after it
class Unit(ResidualUnit):
    def join(self, x, f):
        return F.relu(self.shortcut(x) + F.relu(f))


# %% ex3: no ReLU after the addition
class Unit(ResidualUnit):
    def join(self, x, f):
        return self.shortcut(x) + f


# %% ex3: no ReLU between the convolutions
class Unit(ResidualUnit):
    def function(self, x):
        return self.bn2(self.conv2(self.bn1(self.conv1(x))))


# %% ex3: the first normalisation is made and not used
class Unit(ResidualUnit):
    def function(self, x):
        return self.bn2(self.conv2(F.relu(self.conv1(x))))


# %% ex3: ReLU before the first normalisation
class Unit(ResidualUnit):
    def function(self, x):
        return self.bn2(self.conv2(self.bn1(F.relu(self.conv1(x)))))


# %% ex3: the second normalisation comes after the addition
class Unit(ResidualUnit):
    def forward(self, x):
        f = self.conv2(F.relu(self.bn1(self.conv1(x))))
        return F.relu(self.bn2(self.shortcut(x) + f))


# %% ex3: one normalisation for both convolutions
class Unit(ResidualUnit):
    def __init__(self, *sizes, shortcut="A"):
        super().__init__(*sizes, shortcut=shortcut)
        self.bn2 = self.bn1


# %% ex3: convolutions with biases
class Unit(ResidualUnit):
    def __init__(self, in_channels, channels, stride=1, shortcut="A"):
        super().__init__(in_channels, channels, stride, shortcut=shortcut)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1)


# %% ex3: pre-activation
class Unit(ResidualUnit):
    def forward(self, x):
        f = self.conv1(F.relu(self.bn1(x)))
        return self.shortcut(x) + self.conv2(F.relu(self.bn2(f)))


# %% ex3: no shortcut where the shape stays
class Unit(ResidualUnit):
    def join(self, x, f):
        return F.relu(f) if self.keeps_shape else super().join(x, f)


# %% ex3: no shortcut where the shape changes
class Unit(ResidualUnit):
    def join(self, x, f):
        return super().join(x, f) if self.keeps_shape else F.relu(f)


# %% ex3: the projection has no stride
class Unit(ResidualUnit):
    def __init__(self, *sizes, shortcut="A"):
        super().__init__(*sizes, shortcut=shortcut)
        if self.downsample is not None:
            self.downsample[0].stride = 1


# %% ex3: a projection without stride, then a maximum over windows
class Unit(ResidualUnit):
    def __init__(self, *sizes, shortcut="A"):
        super().__init__(*sizes, shortcut=shortcut)
        if self.downsample is not None:
            self.downsample[0].stride = 1
            self.downsample.append(nn.MaxPool2d(self.stride, ceil_mode=True))


# %% ex3: the projection's normalisation is not used
class Unit(ResidualUnit):
    def shortcut(self, x):
        if self.downsample is not None:
            return self.downsample[0](x)
        return super().shortcut(x)


# %% ex3: ReLU behind the projection
class Unit(ResidualUnit):
    def shortcut(self, x):
        return F.relu(super().shortcut(x))


# %% ex3: projects only where the channels change
class Unit(ResidualUnit):
    def __init__(self, in_channels, channels, stride=1, shortcut="A"):
        option = "A" if in_channels == channels else shortcut
        super().__init__(in_channels, channels, stride, shortcut=option)


# %% ex3: option B projects in every unit
class Unit(ResidualUnit):
    def __init__(self, *sizes, shortcut="A"):
        option = "C" if shortcut == "B" else "A"
        super().__init__(*sizes, shortcut=option)


# %% ex3: option B, whatever is asked for
class Unit(ResidualUnit):
    def __init__(self, *sizes, shortcut="A"):
        super().__init__(*sizes, shortcut="B")


# %% ex3: maps of zeros come first
class Unit(ResidualUnit):
    def shortcut(self, x):
        if self.downsample is not None:
            return self.downsample(x)
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.out_channels - self.in_channels, 0))


# %% ex3: half of the zeros on either side
class Unit(ResidualUnit):
    def shortcut(self, x):
        if self.downsample is not None:
            return self.downsample(x)
        x = x[:, :, :: self.stride, :: self.stride]
        added = self.out_channels - self.in_channels
        return F.pad(x, (0, 0, 0, 0, added // 2, added - added // 2))


# %% ex3: the mean of each window in place of its first pixel
class Unit(ResidualUnit):
    def shortcut(self, x):
        if self.downsample is not None:
            return self.downsample(x)
        x = F.avg_pool2d(x, self.stride, ceil_mode=True)
        return F.pad(x, (0, 0, 0, 0, 0, self.out_channels - self.in_channels))


# %% ex3: sizes are rounded down
class Unit(ResidualUnit):
    def shortcut(self, x):
        if self.downsample is not None:
            return self.downsample(x)
        h, w = (n // self.stride * self.stride for n in x.shape[2:])
        x = x[:, :, : h : self.stride, : w : self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.out_channels - self.in_channels))


# %% ex3: the second convolution has the stride
class Unit(ResidualUnit):
    def __init__(self, *sizes, shortcut="A"):
        super().__init__(*sizes, shortcut=shortcut)
        self.conv1.stride, self.conv2.stride = (1, 1), self.conv1.stride


# %% ex4: stride 2 in every unit of a stage
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width, 2 if k else 1) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: stride 2 in the first stage too
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: option A
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1, shortcut="A")]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: the units of ResNet-34, whatever is asked for
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate((3, 4, 6, 3)):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: a bias before the normalisation
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: no ReLU in the stem
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: the stem takes means
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: the head takes the maximum of each map
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex4: the full layer reads 7×7 pixels, not their mean
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(nn.Flatten(), nn.Linear(512 * 7 * 7, num_classes))
    return nn.Sequential(stem, *stages, head)


# %% ex4: the head takes the mean of 7×7 pixels, whatever the image
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        width = 64 * 2**k
        units = [ResidualUnit(channels, width, 2 if k else 1)]
        units += [ResidualUnit(width, width) for _ in range(count - 1)]
        stages.append(nn.Sequential(*units))
        channels = width
    head = nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(512, num_classes))
    return nn.Sequential(stem, *stages, head)


# %% ex4: the last unit of a stage has the stride
def residual_net(blocks, num_classes):
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, channels = [], 64
    for k, count in enumerate(blocks):
        stage = nn.Sequential()
        for i in range(count):
            stride = 2 if k and i == count - 1 else 1
            stage.append(ResidualUnit(channels, 64 * 2**k, stride))
            channels = 64 * 2**k
        stages.append(stage)
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)
    )
    return nn.Sequential(stem, *stages, head)


# %% ex5-a: every F sees x_0
outputs = [3, 2.6, 2.8]
added = [1, -0.4, 0.2]
slope = 1 + 0.5 - 0.2 + 0.1
plain_slope = 0.5 * -0.2 * 0.1
dead = -1

# %% ex5-a: slopes of shortcuts and layers added, not multiplied
outputs = [3, 2.4, 2.64]
added = [1, -0.6, 0.24]
slope = 1 + 0.5 - 0.2 + 0.1
plain_slope = 0.5 * -0.2 * 0.1
dead = -1

# %% ex5-a: a weight of nought stops the gradient
outputs = [3, 2.4, 2.64]
added = [1, -0.6, 0.24]
slope = 1.32
plain_slope = -0.01
dead = 0

# %% ex5-a: the plain slope is the rest of the residual one
outputs = [3, 2.4, 2.64]
added = [1, -0.6, 0.24]
slope = 1.32
plain_slope = 0.32
dead = -1


# %% ex5-b: leaves out the last F
def gap(steps):
    end = steps[-1].output
    total = steps[0].x + sum(step.f for step in steps[:-1])
    return ((end - total).norm() / end.norm()).item()


# %% ex5-b: unit by unit, which hides what adds up
def gap(steps):
    gaps = [((s.output - s.x - s.f).norm() / s.output.norm()).item() for s in steps]
    return max(gaps)


# %% ex5-b: not divided
def gap(steps):
    end = steps[-1].output
    return (end - steps[0].x - sum(s.f for s in steps)).norm().item()


# %% ex5-b: divided by the norm of the sum
def gap(steps):
    total = steps[0].x + sum(step.f for step in steps)
    return ((steps[-1].output - total).norm() / total.norm()).item()


# %% ex5-b: compares the norms
def gap(steps):
    end = steps[-1].output
    total = steps[0].x + sum(step.f for step in steps)
    return abs(1 - (total.norm() / end.norm()).item())


# %% ex5-b: with the ReLU at the end of the sum
def gap(steps):
    end = steps[-1].output
    total = steps[0].x + sum(step.f for step in steps)
    if (end >= 0).all():
        total = F.relu(total)
    return ((end - total).norm() / end.norm()).item()


# %% ex5-c: everything with a shortcut
exact = {1, 2, 3, 4, 6, 7, 8}

# %% ex5-c: pre-activation, whatever it does to x
exact = {1, 2, 6, 7, 8}

# %% ex5-c: not in training, and never with a ReLU
exact = {1, 8}

# %% ex5-c: a deleted unit breaks the sum
exact = {1, 2, 4}

# %% ex5-c: also where ReLU cuts
exact = {1, 2, 3, 4, 8}


# %% ex5-d: the second as a difference
def two_parts(steps, loss):
    straight, whole = torch.autograd.grad(
        loss, [steps[-1].output, steps[0].x], retain_graph=True
    )
    return straight, whole - straight


# %% ex5-d: only through the last F
def two_parts(steps, loss):
    (straight,) = torch.autograd.grad(loss, steps[-1].output, retain_graph=True)
    (around,) = torch.autograd.grad(
        steps[-1].f, steps[0].x, straight, retain_graph=True
    )
    return straight, around


# %% ex5-d: ones in front of the derivative
def two_parts(steps, loss):
    (straight,) = torch.autograd.grad(loss, steps[-1].output, retain_graph=True)
    total = sum(step.f for step in steps)
    (around,) = torch.autograd.grad(total.sum(), steps[0].x, retain_graph=True)
    return straight, around


# %% ex5-d: the graph is gone
def two_parts(steps, loss):
    (straight,) = torch.autograd.grad(loss, steps[-1].output, retain_graph=True)
    total = sum(step.f for step in steps)
    (around,) = torch.autograd.grad(total, steps[0].x, straight)
    return straight, around


# %% ex5-d: the whole gradient for the first part
def two_parts(steps, loss):
    (whole,) = torch.autograd.grad(loss, steps[0].x, retain_graph=True)
    total = sum(step.f for step in steps)
    (around,) = torch.autograd.grad(total, steps[0].x, whole, retain_graph=True)
    return whole, around


# %% ex6-a: the unit passes on zeros
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.eval()
    with torch.no_grad():
        x = model.stem(images)
        for name, unit in model.units().items():
            x = unit(x) if name not in names else 0 * unit(x)
        return float((model.head(x).argmax(1) == labels).float().mean())


# %% ex6-a: deletes the shortcut and keeps F
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.eval()
    with torch.no_grad():
        x = model.stem(images)
        for name, unit in model.units().items():
            x = unit(x) if name not in names else F.relu(unit.function(x))
        return float((model.head(x).argmax(1) == labels).float().mean())


# %% ex6-a: in training mode
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.train()
    with torch.no_grad():
        x = model.stem(images)
        for name, unit in model.units().items():
            if name not in names:
                x = unit(x)
            elif unit.residual:
                x = unit.join(x, 0)
        return float((model.head(x).argmax(1) == labels).float().mean())


# %% ex6-a: a plain unit has a shortcut as well
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.eval()
    with torch.no_grad():
        x = model.stem(images)
        for name, unit in model.units().items():
            x = unit(x) if name not in names else unit.join(x, 0 * x)
        return float((model.head(x).argmax(1) == labels).float().mean())


# %% ex6-a: x goes on as it is, whatever the shape
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.eval()
    with torch.no_grad():
        x = model.stem(images)
        for name, unit in model.units().items():
            x = unit(x) if name not in names else x
        return float((model.head(x).argmax(1) == labels).float().mean())


# %% ex6-a: only the first of the names
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.eval()
    with torch.no_grad():
        x = model.stem(images)
        for name, unit in model.units().items():
            if name not in names[:1]:
                x = unit(x)
            elif unit.residual:
                x = unit.join(x, 0)
        return float((model.head(x).argmax(1) == labels).float().mean())


# %% ex6-a: removes the unit's weights for good
def accuracy_without(model, images, labels, names):
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    model.eval()
    with torch.no_grad():
        for name in names:
            model.units()[name].bn2.weight.zero_()
            model.units()[name].bn2.bias.zero_()
        guess = model(images).argmax(1)
    return float((guess == labels).float().mean())


# %% ex6-a: leaves it to drop
def accuracy_without(model, images, labels, names):
    return evaluate(drop(model, *names), Images(images, labels)).accuracy


# %% ex6-b: both tables of one net
results = {
    kind: {
        name: accuracy_without(trained["residual"], *unseen, [name])
        for name, unit in trained[kind].units().items()
        if unit.residual or unit.keeps_shape
    }
    for kind in trained
}
units, sizes = trained["residual"].eval().units(), {}
with torch.no_grad():
    for step in trained["residual"].trace(torch.tensor(unseen.x))[0]:
        passed = units[step.name].shortcut(step.x)
        sizes[step.name] = float(step.f.norm() / passed.norm())

# %% ex6-b: what is lost in place of what is left
results = {
    kind: {
        name: evaluate(model, unseen).accuracy
        - accuracy_without(model, *unseen, [name])
        for name, unit in model.units().items()
        if unit.residual or unit.keeps_shape
    }
    for kind, model in trained.items()
}
units, sizes = trained["residual"].eval().units(), {}
with torch.no_grad():
    for step in trained["residual"].trace(torch.tensor(unseen.x))[0]:
        passed = units[step.name].shortcut(step.x)
        sizes[step.name] = float(step.f.norm() / passed.norm())

# %% ex6-b: on the digits that the nets have learnt
results = {
    kind: {
        name: accuracy_without(model, *some, [name])
        for name, unit in model.units().items()
        if unit.residual or unit.keeps_shape
    }
    for kind, model in trained.items()
}
units, sizes = trained["residual"].eval().units(), {}
with torch.no_grad():
    for step in trained["residual"].trace(torch.tensor(unseen.x))[0]:
        passed = units[step.name].shortcut(step.x)
        sizes[step.name] = float(step.f.norm() / passed.norm())

# %% ex6-b: everything but this unit
results = {
    kind: {
        name: accuracy_without(
            model,
            *unseen,
            [n for n, u in model.units().items() if n != name and u.keeps_shape],
        )
        for name, unit in model.units().items()
        if unit.residual or unit.keeps_shape
    }
    for kind, model in trained.items()
}
units, sizes = trained["residual"].eval().units(), {}
with torch.no_grad():
    for step in trained["residual"].trace(torch.tensor(unseen.x))[0]:
        passed = units[step.name].shortcut(step.x)
        sizes[step.name] = float(step.f.norm() / passed.norm())

# %% ex6-b: compares F with x, four times as many pixels
results = {
    kind: {
        name: accuracy_without(model, *unseen, [name])
        for name, unit in model.units().items()
        if unit.residual or unit.keeps_shape
    }
    for kind, model in trained.items()
}
with torch.no_grad():
    steps, _ = trained["residual"].eval().trace(torch.tensor(unseen.x))
sizes = {step.name: float(step.f.norm() / step.x.norm()) for step in steps}

# %% ex6-b: compares F with the output
results = {
    kind: {
        name: accuracy_without(model, *unseen, [name])
        for name, unit in model.units().items()
        if unit.residual or unit.keeps_shape
    }
    for kind, model in trained.items()
}
with torch.no_grad():
    steps, _ = trained["residual"].eval().trace(torch.tensor(unseen.x))
sizes = {s.name: float(s.f.norm() / s.output.norm()) for s in steps}

# %% ex7-a: whatever is deep over-fits
verdicts = dict.fromkeys("ABD", "over-fitting") | {"C": "neither"}

# %% ex7-a: a wider gap is over-fitting
verdicts = {
    "A": "over-fitting",
    "B": "degradation",
    "C": "over-fitting",
    "D": "degradation",
}

# %% ex7-a: a higher test error is degradation
verdicts = dict.fromkeys("ABD", "degradation") | {"C": "neither"}

# %% ex7-a: without a gap there is neither
verdicts = {
    "A": "over-fitting",
    "B": "degradation",
    "C": "neither",
    "D": "neither",
}

# %% ex7-b: last over first
ratios = {}
for kind in ("plain", "residual"):
    for depth in (8, 20, 56):
        seed_everything(0)
        net = DigitResNet(depth, kind == "residual")
        first, *_, last = gradients_by_depth(net, few, classes).values()
        ratios[kind, depth] = last / first

# %% ex7-b: seeds once
ratios = {}
seed_everything(0)
for kind in ("plain", "residual"):
    for depth in (8, 20, 56):
        net = DigitResNet(depth, kind == "residual")
        first, *_, last = gradients_by_depth(net, few, classes).values()
        ratios[kind, depth] = first / last

# %% ex7-b: names changed about
ratios = {}
for kind in ("plain", "residual"):
    for depth in (8, 20, 56):
        seed_everything(0)
        net = DigitResNet(depth, kind == "plain")
        first, *_, last = gradients_by_depth(net, few, classes).values()
        ratios[kind, depth] = first / last

# %% ex7-b: the first unit alone
ratios = {}
for kind in ("plain", "residual"):
    for depth in (8, 20, 56):
        seed_everything(0)
        net = DigitResNet(depth, kind == "residual")
        first, *_ = gradients_by_depth(net, few, classes).values()
        ratios[kind, depth] = first
