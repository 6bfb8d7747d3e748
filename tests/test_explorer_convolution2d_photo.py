"""A photograph under chapter 4's kernels, in a browser: its numbers are Python's."""

import base64
import json

import numpy as np
import pytest
import traitlets

from utils.convolution2d import KERNELS, conv2d
from utils.explorers.convolution2d_photo import PhotoExplorer, grey_bytes


@pytest.fixture
def page(mount_explorer):
    page = mount_explorer(PhotoExplorer())
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    yield page
    assert sent == []  # a photograph leaves its device by no road


def state(page):
    """What the explorer says of itself, as text: tens of thousands of numbers."""
    root = "document.querySelector('.explorer-root').explorer"
    return json.loads(page.evaluate(f"JSON.stringify({root}.state())"))


def said(page):
    return page.locator(".ex-text").inner_text().replace("−", "-")


def pixels(now, what):
    return np.reshape(now[what]["values"], (now[what]["rows"], -1))


def painted(page, panel):
    """The grey values of a canvas."""
    values = page.locator(f".photo-{panel} canvas").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data.filter((_, k) => k % 4 === 0).join()"
    )
    wide = page.locator(f".photo-{panel} canvas").get_attribute("width")
    return np.reshape([int(v) for v in values.split(",")], (-1, int(wide)))


def check(page):
    """The map is Python's, in the state, on the canvas and in the sentence."""
    now = state(page)
    photo, kernel = pixels(now, "photo"), np.array(now["kernel"], float)
    expected = conv2d(photo[None, None], kernel[None, None])[0, 0]
    np.testing.assert_allclose(pixels(now, "map"), expected, atol=1e-12)
    np.testing.assert_allclose(painted(page, "image"), 255 * photo, atol=0.51)
    u, v = now["at"]
    assert said(page).startswith(f"At row {u}, column {v}: ")
    assert f" ≈ {expected[u, v]:z.2f}. The weights add up to {kernel.sum():z.3g}" in (
        said(page)
    )
    return now, expected


PICTURE = """([wide, tall, colour, pixels, kind]) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: wide, height: tall });
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, wide, tall);
  const data = Uint8ClampedArray.from(pixels);
  if (data.length) pen.putImageData(new ImageData(data, wide), 0, 0);
  return canvas.toDataURL(kind).split(",")[1];
}"""


def file_of(page, wide, tall, colour="black", pixels=(), kind="image/png"):
    """A picture file, made by the browser itself."""
    text = page.evaluate(PICTURE, [wide, tall, colour, list(pixels), kind])
    return {"name": "own", "mimeType": kind, "buffer": base64.b64decode(text)}


def lying(jpeg):
    """The same JPEG with a note in it that it must be turned by a quarter."""
    tag = bytes.fromhex("0112 0003 00000001 0006 0000".replace(" ", ""))
    note = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + tag + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2) + note + jpeg[2:]


def open_file(page, file):
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_function(
        "!document.querySelector('.ex-text').textContent.startsWith('Reading')"
    )


def test_starts_with_the_photograph_of_the_chapter(page):
    now, expected = check(page)
    assert now["name"] == "sobel x"
    np.testing.assert_allclose(255 * pixels(now, "photo"), grey_bytes(), atol=1e-9)
    levels = np.clip((expected + 2) / 4, 0, 1) * 255
    np.testing.assert_allclose(painted(page, "map"), levels, atol=0.51)
    assert "sent nowhere" in page.locator(".photo-note").inner_text()


def test_every_kernel_equals_python(page):
    for name in KERNELS:
        page.locator("select").select_option(name)
        np.testing.assert_array_equal(check(page)[0]["kernel"], KERNELS[name])


def test_a_kernel_of_ones_own_by_keyboard_alone(page):
    page.locator("select").select_option("identity")
    page.locator('.photo-kernel [data-key="1,1"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("-")
    now, _ = check(page)
    assert (now["name"], now["kernel"][1]) == ("own", [0, 1, -1])
    assert page.locator("select").input_value() == "own"
    caption = page.locator(".photo-map figcaption").inner_text()
    assert caption.endswith("black −0.50, white 0.50")
    page.locator(".photo-map svg").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    at = now["at"]
    assert check(page)[0]["at"] == [at[0] + 1, at[1] - 10]


def test_mouse_and_finger_choose_a_place(page):
    box = page.locator(".photo-map svg").bounding_box()
    unit = box["width"] / 140
    page.mouse.click(box["x"] + 20.5 * unit, box["y"] + 99.5 * unit)
    assert check(page)[0]["at"] == [99, 20]
    side = page.locator(".photo-image svg").bounding_box()["width"] / 142
    page.locator(".photo-image svg").tap(position={"x": 0.5 * side, "y": 141.5 * side})
    assert check(page)[0]["at"] == [139, 0]  # the nearest window


def test_a_photograph_of_ones_own_and_back(page):
    before = state(page)
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (40, 60, 3), np.uint8)
    opaque = np.dstack([colours, np.full((40, 60), 255)])
    open_file(page, file_of(page, 60, 40, pixels=opaque.ravel().tolist()))
    now, _ = check(page)
    np.testing.assert_allclose(255 * pixels(now, "photo"), colours.mean(2), atol=1e-9)
    assert "your photograph, 40×60" in page.locator(".photo-image").inner_text()
    open_file(page, file_of(page, 9, 9, "transparent"))  # nothing, on white paper
    assert set(check(page)[0]["photo"]["values"]) == {1}
    page.get_by_role("button", name="Reset").click()
    assert state(page) == before


def test_a_large_picture_is_made_small_and_stands_upright(page):
    large = file_of(page, 3000, 4000, "red", kind="image/jpeg")
    open_file(page, large | {"buffer": lying(large["buffer"])})
    now, _ = check(page)
    assert (now["photo"]["rows"], now["photo"]["columns"]) == (240, 320)
    np.testing.assert_allclose(now["photo"]["values"], 1 / 3, atol=0.01)


def test_what_cannot_be_read_is_said(page):
    narrow = file_of(page, 900, 2)
    heic = b"\0\0\0\x18ftypheic" * 9
    bad = {
        "letter.txt is not a picture": ("letter.txt", "text/plain", b"Dear reader,"),
        "cannot read cut.png as": ("cut.png", "image/png", narrow["buffer"][:40]),
        "turn HEIC, which phones": ("IMG_1.HEIC", "image/heic", heic),
        "cannot read empty.jpg": ("empty.jpg", "image/jpeg", b""),
        "too narrow for a kernel": ("thin.png", "image/png", narrow["buffer"]),
    }
    before = state(page)
    for words, (name, kind, content) in bad.items():
        open_file(page, {"name": name, "mimeType": kind, "buffer": content})
        assert words in said(page)
    assert state(page) == before


DROP = """([name, type, size, text]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([new Uint8Array(size)], name, { type }));
  else data.setData("text/plain", text);
  const root = document.querySelector(".explorer-root");
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: data, cancelable: true });
    root.dispatchEvent(event);
    if (!event.defaultPrevented) throw new Error("the page would go away");
  }
}"""


def test_dropped_files(page):
    page.evaluate(DROP, ["huge.png", "image/png", 41_000_000, ""])
    page.get_by_text("huge.png has more than 40 megabytes").wait_for()
    page.evaluate(DROP, ["", "", 0, "https://somewhere.example/cat.jpg"])
    assert "is not a file" in said(page)
    page.evaluate(DROP, ["odd.png", "image/png", 9, ""])
    page.get_by_text("cannot read odd.png").wait_for()


def test_fits_a_phone(mount_explorer):
    for width in (320, 390):
        page = mount_explorer(PhotoExplorer(), width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for control in page.locator("button, select, .photo-open").all():
            assert control.bounding_box()["height"] >= 40


def test_unknown_kernels_are_refused():
    with pytest.raises(traitlets.TraitError):
        PhotoExplorer(kernel="Prewitt")
