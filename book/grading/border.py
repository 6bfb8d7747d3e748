"""The border between a student's process and the judge: values, calls, exceptions.

Each end has a `Link` on one socket. Plain data (numbers, strings, lists, dictionaries,
arrays, tensors, ...) crosses as a copy of exact type; whatever else, such as a
function, stays where it is and is a `Remote` on the other side. A frame is a JSON
header and the raw bytes of arrays: nothing that arrives is executed, unpickled or
looked up by a name of the sender's choice, save a fixed list of torch's, NumPy's and
the course's names.

The judge trusts nothing. It answers calls of the functions that a test has handed over,
and nothing more. Operators and comparisons are never left to the other side: a `Remote`
equals nothing, or an object with a kind `__eq__` would be right about everything.
"""

import builtins
import contextlib
import json
import math
import struct
import sys
import threading
import weakref
from fractions import Fraction

import numpy as np

HEADER, BUFFERS = 2**24, 2**29  # bytes of a frame, at most
DEEP = 60  # nested containers, at most
STEPS = 10**6  # items of an iterator, at most
TEXT = 2000  # characters of a message
CALLS = 40  # calls within calls across the border, at most
KINDS = "biufcSU"  # of NumPy's dtypes


class Gone(ConnectionError):
    """The other side has ended."""


class Bad(ValueError):
    """What arrived is not what a frame may hold."""


class Unplain(TypeError):
    """Not plain data, where only that may cross."""


class RemoteError(Exception):
    """An exception of the other side; its text is a sentence."""


def remote_error(error: dict, name: str) -> Exception:
    """The exception to raise here; it is also one of the built-in kind it was there."""
    kind, text = clean(str(error.get("type")))[:80], clean(str(error.get("text")))
    for known in error.get("bases", [])[:20]:
        base = getattr(builtins, known, None) if isinstance(known, str) else None
        if isinstance(base, type) and issubclass(base, Exception):
            break
    else:
        base = Exception
    sentence = f"your {name} raises {kind}" + (f": {text}" if text else "")
    if base is NotImplementedError:
        sentence = f"your {name} is not written yet"
    elif kind == "KeyboardInterrupt":
        sentence = f"your {name} took too long and was stopped"
    if base in (Exception, StopIteration, StopAsyncIteration, OSError, ImportError):
        return RemoteError(sentence)
    try:
        return type("RemoteError", (RemoteError, base), {})(sentence)
    except TypeError:  # UnicodeError and its like want more than a text
        return RemoteError(sentence)


def clean(text: str) -> str:
    """Text that can be shown: no control characters, not too long."""
    text = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text[:TEXT])
    return text.encode("utf-8", "replace").decode("utf-8")


# --- names that may cross


def course_module(name: str):
    """The module `utils.name`, imported if need be; None if there is none."""
    parts = name.split(".")
    if parts[0] != "utils" or len(parts) != 2 or not parts[1].isidentifier():
        return None
    try:
        __import__(name)
    except ImportError:
        return None
    return sys.modules[name]


def known(module: str, name: str):
    """The function or class of a library or of the course that may cross by its name.

    None if it may not: a sender chooses from this list only.
    """
    if not name.isidentifier() or name.startswith("_"):
        return None
    if module == "numpy":
        thing = getattr(np, name, None)
        return thing if isinstance(thing, np.ufunc) else None
    if module.split(".")[0] == "utils":
        thing = getattr(course_module(module), name, None)
        return thing if getattr(thing, "__module__", "") == module else None
    if module.split(".")[0] == "torch":
        from book.grading import networks

        return networks.known(module, name)
    return None


def path_of(thing) -> list[str] | None:
    """The module and name under which `thing` may cross."""
    if isinstance(thing, np.ufunc):
        module, name = "numpy", thing.__name__
    else:
        module = getattr(thing, "__module__", None)
        name = getattr(thing, "__qualname__", None)
    if type(module) is not str or type(name) is not str:
        return None
    if module.split(".")[0] not in ("numpy", "utils", "torch"):
        return None
    return [module, name] if known(module, name) is thing else None


# --- a value into a header and buffers, and back


def isa(x, kinds) -> bool:
    """`isinstance`, which does not believe what an object says of its class."""
    return issubclass(type(x), kinds)


class Writer:
    """Encodes the values of one frame."""

    def __init__(self, link, strict=False):
        self.link, self.strict = link, strict
        self.buffers, self.tensors, self.crossing = [], {}, []
        self.live = None  # tensors of a result that stay connected to its arguments

    def value(self, x, depth=0):
        if depth > DEEP:
            raise Unplain("nested too deeply")
        if x is None or type(x) in (bool, str, int, float):
            return x
        if issubclass(type(x), Remote):
            if x._link is not self.link:
                raise Unplain(f"{x._name} is of another test")
            return ["home", x._handle]
        if isa(x, Given):
            pairs = [[name, self.value(v, depth)] for name, v in x.settings.items()]
            return ["given", x.name, self.items(x.args, depth), pairs]
        found = self.plain(x, depth + 1)
        if found is not None:
            return found
        if "torch" in sys.modules:
            from book.grading import networks

            found = networks.encode(self, x, depth + 1)
            if found is not None:
                return found
        found = self.course_object(x, depth + 1)
        if found is not None:
            return found
        if path := path_of(x):
            return ["name", *path]
        if self.strict:
            raise Unplain(f"{type(x).__name__} is not plain data")
        return ["remote", *self.link.show(x)]

    def items(self, found, depth):
        return [self.value(x, depth) for x in found]

    def plain(self, x, depth):
        """Numbers, strings and containers, as exact types; None if it is no such."""
        if isa(x, np.generic | np.ndarray):
            return self.array(x, depth)
        if isa(x, Fraction):
            return ["fraction", int(x.numerator), int(x.denominator)]
        for kind in (bool, int, float, str):
            if isa(x, kind):
                return kind(x)
        if isa(x, complex):
            return ["complex", float(x.real), float(x.imag)]
        if isa(x, bytes | bytearray):
            return ["bytes", self.buffer(bytes(x))]
        if isa(x, tuple) and not hasattr(x, "_fields"):
            if type(x).__module__ != "torch":
                return ["tuple", self.items(x, depth)]
        for kind in (list, set, frozenset):
            if isa(x, kind):
                return [kind.__name__, self.items(x, depth)]
        if isa(x, dict):
            pairs = list(x.items())
            return ["dict", [self.items(pair, depth) for pair in pairs]]
        if isa(x, slice | range):
            name = type(x).__name__
            return [name, self.items((x.start, x.stop, x.step), depth)]
        if x is Ellipsis:
            return ["ellipsis"]
        if isa(x, type) and issubclass(x, np.generic):
            return ["dtype", np.dtype(x).str, True]
        if isa(x, np.dtype):
            return ["dtype", x.str, False]
        if isa(x, np.random.Generator):
            return self.generator(x)
        return None

    def array(self, x, depth):
        scalar = isa(x, np.generic)
        x = np.asarray(x)
        if x.dtype.kind == "O":
            flat = self.items(x.ravel().tolist(), depth)
            return ["objects", list(x.shape), flat]
        if x.dtype == np.longdouble and x.dtype != np.float64:
            x = x.astype(np.float64)
        if x.dtype.kind not in KINDS or x.dtype.hasobject:
            return None
        if x.dtype.byteorder == ">":
            x = x.astype(x.dtype.newbyteorder("<"))
        data = self.buffer(x.tobytes())
        return ["scalar" if scalar else "array", x.dtype.str, list(x.shape), data]

    def generator(self, x):
        """A copy; the one that stays is moved on, or both would draw the same."""
        bits = x.bit_generator
        if type(bits) is not np.random.PCG64:
            return None
        state = bits.state
        inner = [str(state["state"][k]) for k in ("state", "inc")]
        bits.advance(2**64)
        return ["generator", *inner, int(state["has_uint32"]), int(state["uinteger"])]

    def course_object(self, x, depth):
        """An object of a class of `utils`, by its fields; None if it is no such."""
        path = path_of(type(x))
        if not path or path[0].split(".")[0] != "utils":
            if isa(x, tuple) and hasattr(x, "_fields"):
                return ["tuple", self.items(x, depth)]
            return None
        if isa(x, tuple):
            return ["course", path, self.items(x, depth)]
        if type(x).__reduce_ex__ is not object.__reduce_ex__ or not hasattr(
            x, "__dict__"
        ):
            return None
        inner = Writer(self.link, strict=True)
        try:
            Writer.items(inner, vars(x).values(), depth)
        except Unplain:
            return None
        fields = [[name, self.value(v, depth)] for name, v in vars(x).items()]
        return ["course", path, fields]

    def buffer(self, data) -> int:
        self.buffers.append(data)
        return len(self.buffers) - 1


class Reader:
    """Decodes the values of one frame; whatever is amiss in it is a `Bad`."""

    def __init__(self, link, buffers):
        self.link, self.buffers = link, buffers
        self.tensors, self.leaves, self.live = [], [], []

    def value(self, code, depth=0):
        if code is None or type(code) in (bool, int, float, str):
            return code
        try:
            if depth > DEEP + 2:
                raise Bad("nested too deeply")
            read = getattr(self, f"read_{exact(code[0], str)}", None)
            if read is not None:
                return read(depth + 1, *code[1:])
            from book.grading import networks

            return networks.READERS[code[0]](self, depth + 1, *code[1:])
        except (Bad, Gone, RemoteError):
            raise
        except Exception as error:
            raise Bad(f"a value: {clean(str(error))}") from None

    def items(self, codes, depth):
        return [self.value(code, depth) for code in codes]

    def raw(self, number) -> bytes:
        if type(number) is not int or not 0 <= number < len(self.buffers):
            raise Bad("a buffer that is not there")
        return self.buffers[number]

    def read_fraction(self, depth, over, under):
        return Fraction(exact(over, int), exact(under, int))

    def read_complex(self, depth, real, imag):
        return complex(exact(real, float), exact(imag, float))

    def read_bytes(self, depth, number):
        return bytes(self.raw(number))

    def read_tuple(self, depth, codes):
        return tuple(self.items(codes, depth))

    def read_list(self, depth, codes):
        return self.items(codes, depth)

    def read_set(self, depth, codes):
        return set(self.items(codes, depth))

    def read_frozenset(self, depth, codes):
        return frozenset(self.items(codes, depth))

    def read_dict(self, depth, pairs):
        return dict(self.items(pair, depth) for pair in pairs)

    def read_slice(self, depth, codes):
        return slice(*self.items(codes, depth))

    def read_range(self, depth, codes):
        return range(*(exact(code, int) for code in codes))

    def read_ellipsis(self, depth):
        return Ellipsis

    def read_dtype(self, depth, text, as_class):
        dtype = self.dtype(text)
        return dtype.type if as_class else dtype

    def dtype(self, text):
        dtype = np.dtype(exact(text, str)[:20])
        if dtype.kind not in KINDS or dtype.hasobject or dtype.subdtype:
            raise Bad(f"dtype {clean(text)}")
        return dtype

    def shape(self, shape, items) -> list[int]:
        """A shape of exactly so many items."""
        shape = [exact(n, int) for n in shape]
        if len(shape) > 32 or min(shape, default=0) < 0 or math.prod(shape) != items:
            raise Bad(f"shape {shape} of {items} items")
        return shape

    def read_array(self, depth, dtype, shape, number):
        dtype, data = self.dtype(dtype), self.raw(number)
        size = len(data) // dtype.itemsize if dtype.itemsize else 0
        if size * dtype.itemsize != len(data):
            raise Bad("an array and its bytes")
        shape = self.shape(shape, size) if dtype.itemsize else [0]
        if dtype.kind == "b":  # a byte that is neither 0 nor 1 compares strangely
            return (np.frombuffer(data, np.uint8, count=size) != 0).reshape(shape)
        return np.frombuffer(data, dtype, count=size).reshape(shape).copy()

    def read_scalar(self, depth, dtype, shape, number):
        return self.read_array(depth, dtype, [], number)[()]

    def read_objects(self, depth, shape, codes):
        shape, found = self.shape(shape, len(codes)), self.items(codes, depth)
        made = np.empty(len(found), object)
        made[:] = found
        return made.reshape(shape)

    def read_generator(self, depth, state, inc, has, last):
        bits = np.random.PCG64()
        inner = {"state": int(exact(state, str)[:40]), "inc": int(exact(inc, str)[:40])}
        if not inner["inc"] % 2:
            raise Bad("a generator")
        bits.state = {
            "bit_generator": "PCG64",
            "state": {name: value % 2**128 for name, value in inner.items()},
            "has_uint32": int(exact(has, int) == 1),
            "uinteger": exact(last, int) % 2**32,
        }
        return np.random.Generator(bits)

    def read_course(self, depth, path, fields):
        made = known(*path) if path[0].split(".")[0] == "utils" else None
        if not isinstance(made, type):
            raise Bad("no class of the course")
        if issubclass(made, tuple):
            return made._make(self.items(fields, depth))
        one = made.__new__(made)
        for name, code in fields:
            set_field(one, name, self.value(code, depth))
        return one

    def read_name(self, depth, module, name):
        found = known(exact(module, str), exact(name, str))
        if found is None:
            raise Bad(f"{clean(module)}.{clean(name)} may not cross")
        return found

    def read_home(self, depth, handle):
        return self.link.shown[exact(handle, int)]

    def read_given(self, depth, name, args, settings):
        """What the function `name` of a given cell returns, called here."""
        if not self.link.open:
            raise Bad("only the judge asks so")
        function = self.link.namespace[name]
        return function(*self.items(args, depth), **dict(self.pairs(settings, depth)))

    def pairs(self, codes, depth):
        return [(exact(name, str), self.value(v, depth)) for name, v in codes]

    def read_remote(self, depth, handle, info):
        return self.link.remote(exact(handle, int), info)


def leaves(things, depth=0) -> list:
    """The arrays, tensors and networks in arguments, and in containers among these."""
    found = []
    for x in things if depth <= DEEP else ():
        if isa(x, np.ndarray):
            found.append(x)
        elif isa(x, list | tuple):
            found += leaves(x, depth + 1)
        elif isa(x, dict):
            found += leaves(x.values(), depth + 1)
        elif "torch" in sys.modules:
            from book.grading import networks

            found += [x] if networks.alterable(x) else []
    return found


def same(old, new) -> bool:
    """Whether two states are equal, to the bit."""
    if type(new) is list:
        return len(old) == len(new) and all(map(same, old, new))
    if type(new) is np.ndarray:
        return old.shape == new.shape and old.tobytes() == new.tobytes()
    return old == new


def exact(value, kind):
    """`value`, if it is of exactly this type."""
    if type(value) is not kind:
        raise Bad(f"{kind.__name__} expected")
    return value


def set_field(one, name, value):
    """Set a field of an object whose class is known, but no method of it."""
    mine = getattr(type(one), exact(name, str), None)
    if name.startswith("__") or callable(mine) or isinstance(mine, property):
        raise Bad(f"a field {clean(name)}")
    one.__dict__[name] = value


class Given:
    """An argument that is made on the student's side, by a function of a given cell.

    For what cannot cross: results of autograd that hang together. `name(*args)` is
    called there, where the answer that gets it as an argument lives.
    """

    def __init__(self, name, args, settings):
        self.name, self.args, self.settings = name, args, settings


# --- what stays on the other side


class Remote:
    """An object of the other side: attributes, items, length, iteration, calls."""

    __slots__ = ("__weakref__", "_claim", "_handle", "_link", "_name", "_steps")
    __hash__ = object.__hash__

    def __init__(self, link, handle, name, claim=None):
        self._link, self._handle, self._name, self._claim = link, handle, name, claim
        self._steps = 0
        weakref.finalize(self, link.dropped.append, handle)

    def _ask(self, do, *values):
        return self._link.ask(do, self, *values)

    @property
    def __class__(self):
        return self._claim or type(self)

    def __eq__(self, other):
        return self is other

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"{self._name} has no {name} here")
        return self._ask("attribute", name)

    def __getitem__(self, key):
        return self._ask("item", key)

    def __len__(self):
        size = self._ask("length")
        if type(size) is not int or not 0 <= size < 2**31:
            raise RemoteError(f"the length of {self._name} is no length")
        return size

    def __iter__(self):
        found = self._ask("iterate")
        if isinstance(found, list | tuple):
            return iter(found)
        if type(found) is not RemoteIterator:
            raise RemoteError(f"{self._name} cannot be gone through")
        return found

    def __contains__(self, item):
        return any(item is one or item == one for one in self)

    def __bool__(self):
        return self._ask("truth") is True

    def __float__(self):
        return exact(self._ask("float"), float)

    def __int__(self):
        return exact(self._ask("int"), int)

    def __array__(self, dtype=None, copy=None):
        found = self._ask("array")
        if type(found) is not np.ndarray:
            raise TypeError(f"{self._name} does not hold numbers")
        return found if dtype is None else found.astype(dtype)

    def __enter__(self):
        return self._ask("enter")

    def __exit__(self, *error):
        self._ask("exit")
        return False

    def __repr__(self):
        return f"<{self._name}>"

    def __reduce__(self):
        raise TypeError("what is on the other side cannot be pickled")

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self


class RemoteIterator(Remote):
    __slots__ = ()

    def __iter__(self):
        return self

    def __next__(self):
        self._steps += 1
        if self._steps > STEPS:
            raise RemoteError(f"{self._name} does not end")
        return self._ask("next")


class RemoteCallable(Remote):
    __slots__ = ()

    def __call__(self, *args, **settings):
        return self._link.call(self, args, settings)


KIND = {"function": RemoteCallable, "iterator": RemoteIterator, "object": Remote}


class Stop(Exception):
    """The other side's iterator has come to its end."""


class Link:
    """One end of the border.

    Args:
        sock: a connected stream socket.
        namespace: names that the other side may ask for; with one, this end is the
            student's and answers every question. Without, it is the judge's.
        torch: whether the other side has torch, too; without, neither needs to.
    """

    def __init__(self, sock, namespace=None, torch=True):
        self.there = torch
        self.sock, self.namespace, self.open = sock, namespace, namespace is not None
        self.shown, self.dropped = {}, []
        self.graphs, self.sent, self.depth, self.count = {}, {}, 0, 0
        self.altered, self.altered_there, self.faithful = [], False, False
        self.random = None  # the state of the generators that both sides know
        self.lock = threading.RLock()

    def __deepcopy__(self, memo):
        return self

    @property
    def torch(self) -> bool:
        return self.there and "torch" in sys.modules

    @property
    def networks(self):
        from book.grading import networks

        return networks

    # --- handles

    def show(self, thing):
        """A handle of our object for the other side, and what it should know of it."""
        if not self.open and not callable(thing) and not hasattr(thing, "__next__"):
            raise TypeError(f"the test hands over {type(thing).__name__}: it cannot")
        self.count += 1
        self.shown[self.count] = thing
        kind = "object"
        if hasattr(type(thing), "__next__"):
            kind = "iterator"
        elif callable(thing):
            kind = "function"
        name = f"the test's {kind}"  # what a test calls it would tell too much
        if self.open:
            name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
            name = str(name).rsplit(".", 1)[-1]
        bases = [path_of(base) for base in type(thing).__mro__]
        claim = next((path for path in bases if path), None)
        return self.count, [kind, name, claim]

    def remote(self, handle, info):
        kind, name, claim = info
        claim = known(*claim) if claim else None
        name = f"`{clean(exact(name, str))[:60]}`"
        claim = claim if isinstance(claim, type) else None
        return KIND[kind](self, handle, name, claim)

    # --- frames

    def send(self, header: dict, writer: Writer) -> None:
        header["buffers"] = [len(data) for data in writer.buffers]
        data = json.dumps(header).encode()
        if len(data) > HEADER or sum(header["buffers"]) > BUFFERS:
            raise Unplain("too large to be handed over")
        try:
            self.sock.sendall(b"".join([struct.pack(">I", len(data)), data]))
            for buffer in writer.buffers:
                self.sock.sendall(buffer)
        except OSError:
            raise Gone("the other side has ended") from None

    def take(self, size: int) -> bytearray:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            try:
                count = self.sock.recv_into(view[got:])
            except OSError:
                count = 0
            if not count:
                raise Gone("the other side has ended")
            got += count
        return data

    def receive(self):
        """The next frame: its header, and a reader for the values in it."""
        (size,) = struct.unpack(">I", self.take(4))
        if size > HEADER:
            raise Bad("a header that is too large")
        try:
            header = json.loads(self.take(size))
            sizes = header["buffers"]
            good = all(type(n) is int and n >= 0 for n in sizes)
            if not good or sum(sizes) > BUFFERS:
                raise Bad("buffers that are too large")
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            raise Bad(f"a header: {error}") from None
        return header, Reader(self, [self.take(n) for n in sizes])

    # --- asking

    def ask(self, do: str, remote=None, *values):
        """Ask about one of the other side's objects."""
        name = remote._name if remote is not None else "answer"
        header, writer = {"do": do}, Writer(self)
        if remote is not None:
            header["handle"] = remote._handle
        header["values"] = writer.items(values, 0)
        return self.exchange(header, writer, name)[0]

    def call(self, remote, args, settings, **more):
        """Call one of the other side's functions; gradients flow through."""
        header, writer = {"do": "call", "handle": remote._handle}, Writer(self)
        header["values"] = writer.items(args, 0)
        pairs = [[name, writer.value(v)] for name, v in settings.items()]
        header["settings"] = pairs
        header.update(more)
        value, header, reader = self.exchange(header, writer, remote._name)
        if "star" not in more:
            self.follow(header, reader, [args, settings])
        return value

    def follow(self, header, reader, things) -> None:
        """Alter what we have handed over as the other side has altered its copies."""
        if not header.get("altered"):
            return
        self.altered_there = True
        given = leaves(things) if self.open or self.faithful else []
        for k, code in header["altered"] if given else []:
            thing, state = given[exact(k, int)], reader.value(code)
            if not isa(thing, np.ndarray):
                self.networks.alter(thing, state)
            elif type(state) is np.ndarray and state.shape == thing.shape:
                thing[...] = state
            else:
                raise Bad("an array that was altered")

    def exchange(self, header, writer, name):
        """Send a request, answer what is asked meanwhile, and return the reply."""
        asked = header["do"]
        with self.lock:
            if self.depth > CALLS:
                raise RecursionError("calls across the border, too many within another")
            header["dropped"], self.dropped[:] = self.dropped[:], []
            header["errors"] = np.geterr()
            self.share_random(header)
            if self.torch:
                self.networks.before_request(header)
            self.send(header, writer)
            self.depth += 1
            try:
                while True:
                    header, reader = self.receive()
                    if "do" not in header:
                        break
                    self.answer(header, reader)
            finally:
                self.depth -= 1
            self.take_random(header)
            if "stop" in header:
                if asked != "next":
                    raise Bad("an end of nothing")
                raise StopIteration
            if "error" in header:
                error = header["error"]
                if isinstance(error, dict):
                    raise remote_error(error, name)
                raise Bad("an error")
            if "live" in header:
                self.networks.connect(self, header, reader, writer.crossing)
            return reader.value(header.get("value")), header, reader

    # --- answering

    def serve(self) -> None:
        """Answer until the other side has no more questions."""
        while True:
            try:
                header, reader = self.receive()
                if "do" not in header:
                    return
                self.answer(header, reader)
            except (Gone, Bad):
                return

    def answer(self, header, reader) -> None:
        writer = Writer(self)
        try:
            for handle in header.get("dropped", []):
                self.forget(handle)
            self.take_random(header)
            self.altered = []
            reply = self.do(header, reader, writer)
            if self.altered:
                reply["altered"] = [[k, writer.value(s)] for k, s in self.altered]
        except Gone:
            raise
        except BaseException as error:  # SystemExit, too: it is the other side's
            writer, reply = Writer(self), {"error": describe(error)}
            if isinstance(error, StopIteration) and header["do"] == "next":
                reply = {"stop": True}
        self.share_random(reply)
        try:
            self.send(reply, writer)
        except Unplain as error:
            self.send({"error": describe(error)}, Writer(self))

    def forget(self, handle) -> None:
        if type(handle) is int:  # of a graph of gradients, if it is below 0
            (self.shown if handle > 0 else self.graphs).pop(abs(handle), None)

    def do(self, header, reader, writer) -> dict:
        """Carry out a request; the reply."""
        do, values = exact(header["do"], str), header.get("values", [])
        if not self.open and do not in ("call", "next", "forward", "backward", "drop"):
            raise PermissionError("functions of a test can be called, and that is all")
        if do in ("forward", "backward", "drop"):
            return self.networks.do(self, do, header, reader, writer)
        if do == "name":
            name = exact(values[0], str)
            if name not in self.namespace:
                raise NameError(name)
            return {"value": writer.value(self.namespace[name])}
        thing = self.shown[exact(header["handle"], int)]
        if do == "call":
            args = reader.items(values, 0)
            settings = dict(reader.pairs(header.get("settings", []), 0))
            args = args[0] if header.get("star") is True else args
            with np.errstate(**error_state(header)):
                if self.torch:
                    call = thing, args, settings
                    return self.networks.run(self, call, reader, writer, header)
                value = self.carry_out(thing, args, settings)
                return {"value": writer.value(value)}
        return {"value": writer.value(ACTIONS[do](thing, *reader.items(values, 0)))}

    def carry_out(self, thing, args, settings):
        """Call one of our functions; what it alters, the other side hears.

        The student's side alters its own as the judge's functions did. The judge does
        so only if it is `faithful`: an answer must not change what it is compared with.
        """
        with self.watching([args, settings]):
            return thing(*args, **settings)

    @contextlib.contextmanager
    def watching(self, things):
        """Note what is altered meanwhile of what `things` hold; see `leaves`."""
        given = leaves(things)
        before = [self.state(x) for x in given]
        yield
        pairs = enumerate(zip(before, map(self.state, given), strict=True))
        self.altered = [(k, new) for k, (old, new) in pairs if not same(old, new)]

    def state(self, thing):
        """A copy of what can be altered in an array, tensor or network."""
        return thing.copy() if isa(thing, np.ndarray) else self.networks.state(thing)

    def share_random(self, header) -> None:
        if self.torch:
            self.networks.share_random(self, header)

    def take_random(self, header) -> None:
        if "random" in header:
            self.networks.take_random(self, header["random"])


def error_state(header) -> dict:
    state = header.get("errors", {})
    kinds, ways = ("divide", "over", "under", "invalid"), ("ignore", "raise")
    return {k: v for k, v in state.items() if k in kinds and v in ways}


def truth(thing) -> bool:
    return bool(thing)


ACTIONS = {
    "attribute": lambda thing, name: getattr(thing, name),
    "item": lambda thing, key: thing[key],
    "length": lambda thing: int(len(thing)),
    "iterate": iter,
    "next": next,
    "truth": truth,
    "float": lambda thing: float(thing),
    "int": lambda thing: int(thing),
    "array": np.asarray,
    "enter": lambda thing: thing.__enter__(),
    "exit": lambda thing: thing.__exit__(None, None, None) and None,
}


def describe(error: BaseException) -> dict:
    """An exception as plain data."""
    try:
        text = str(error)
    except Exception:
        text = ""
    bases = [c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins"]
    return {"type": type(error).__name__, "bases": bases, "text": text[:TEXT]}


def serve(namespace: dict, sock) -> None:
    """Answer the judge's questions about `namespace` on a connected socket.

    The random numbers that the student's cells draw afterwards are not changed by it.
    """
    with sock:
        link = Link(sock, namespace)
        before = link.networks.states() if link.torch else None
        try:
            link.serve()
        finally:
            if before is not None:
                link.networks.restore(before)
