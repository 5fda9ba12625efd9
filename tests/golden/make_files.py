"""make_files.py - the fixtures of tests/files: what torch, safetensors and NumPy really write, and hostile files.

good/*.pth each stand beside a .safetensors of the same tensors, contiguous: the expected answer. hostile/*
must each be refused; the sentences are in tests/files. The smaller ones also become the fuzz targets' corpora.
usage: make_files.py tests/fixtures/files tests/fuzz/corpus

SPDX-License-Identifier: Apache-2.0
"""
import argparse, collections, io, json, os, pickle, struct, sys, zipfile, zlib
import numpy as np
import torch
from safetensors.torch import save_file

root = sys.argv[1]
good, hostile = os.path.join(root, "good"), os.path.join(root, "hostile")
for folder in (good, hostile):
    os.makedirs(folder, exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(1)


def put(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


# ---- good .pth ----------------------------------------------------------------------------------
def expect(name, tensors):
    plain = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    save_file(plain, os.path.join(good, name + ".safetensors"))


def pair(name, value, tensors, **options):
    put(good, name + ".pth", saved(value, **options))
    expect(name, tensors)


types = collections.OrderedDict(
    f32=torch.arange(24, dtype=torch.float32).view(2, 3, 2, 2) / 7,
    f64=torch.linspace(-1, 1, 5, dtype=torch.float64),
    f16=torch.tensor([1.5, -2.25, 65504, 6e-8], dtype=torch.half),
    bf16=torch.tensor([[1.0, -3.14], [1e30, -0.0]], dtype=torch.bfloat16),
    u8=torch.arange(250, 256, dtype=torch.uint8),
    s8=torch.tensor([-128, 127, 0], dtype=torch.int8),
    s16=torch.tensor([-32768, 32767], dtype=torch.int16),
    s32=torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    i64=torch.tensor(2**40 + 3),
    flag=torch.tensor([True, False, True]),
    empty=torch.zeros(0, 3),
    special=torch.tensor([float("nan"), float("inf"), -float("inf"), 1e-45]),
)
types["größe.weight"] = torch.ones(2)
pair("types", types, types)
pair("types_legacy", types, types, _use_new_zipfile_serialization=False)

base = torch.arange(120, dtype=torch.float32)
a = base[:12].view(3, 4)
views = collections.OrderedDict(
    a=a, b=a.t()[1:], c=torch.zeros(1).expand(5), d=base[7], e=base[5:9], f=base.view(2, 3, 4, 5).permute(3, 1, 0, 2),
    g=torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last), h=base[::7], i=base.view(8, 15)[::2, 3:9],
    j=base.to(torch.int64).view(10, 12)[:, ::5], k=base[3:3], l=base.view(1, 120, 1)[:, 4:6], m=base.view(120, 1)[9:10].t())
pair("views", views, views)
pair("views_legacy", views, views, _use_new_zipfile_serialization=False)

net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
state = net.state_dict()
pair("module_state", state, state)
pair("parameters", dict(net.named_parameters()), dict(net.named_parameters()))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net[2](torch.ones(1, 4)).sum().backward()
optimizer.step()
other = {"module." + k: v * 0 for k, v in state.items()}
checkpoint = {
    "epoch": 3, "model": net.state_dict(), "model_ema": other, "optimizer": optimizer.state_dict(), "lr": 0.1, "none": None,
    "list": [1, 2.5, "x", None, True, [], [[-5]]], "tuple": (1, 2, 3, 4), "big": 1 << 40, "negative": -(1 << 40), "half": 300,
    "args": argparse.Namespace(lr=0.1, name="x", sizes=[1, 2]), "set": {1, 2}, "size": torch.Size([1, 2]),
    "device": torch.device("cpu"), "dtype": torch.float32, "scalar": torch.tensor(1.5),
}
pair("checkpoint", checkpoint, net.state_dict())
pair("checkpoint_legacy", checkpoint, net.state_dict(), _use_new_zipfile_serialization=False)
pair("under_state_dict", {"state_dict": state, "best": torch.tensor(0.5)}, state)
pair("extra_entries", collections.OrderedDict(list(state.items()) + [("note", "hello"), ("none", None)]), state)


# ---- a .pth by hand -----------------------------------------------------------------------------
def text(string):
    data = string.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if value < 0 or value > 255:
        return b"\x8a\x08" + struct.pack("<q", value)
    return b"K" + bytes([value])


def storage(key="0", kind="FloatStorage", count=4):
    return b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(shape=(4,), stride=(1,), offset=0, store=None):
    dims = b"(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, stride)) + b"t"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + (store or storage()) + number(offset) + dims
            + b"\x89ccollections\nOrderedDict\n)RtR")


def entries(*pairs):
    return b"\x80\x02}(" + b"".join(text(k) + v for k, v in pairs) + b"u."


data4 = np.arange(4, dtype="<f4").tobytes()


def container(pickled, records=None, method=zipfile.ZIP_STORED, order=b"little", folder="archive"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as z:
        z.writestr(folder + "/data.pkl", pickled)
        z.writestr(folder + "/byteorder", order)
        for key, value in (records if records is not None else {"data/0": data4}).items():
            z.writestr(folder + "/" + key, value)
        z.writestr(folder + "/version", b"3\n")
    return file.getvalue()


plain = container(entries(("w", tensor())))
expected = {"w": torch.arange(4.0)}
put(good, "by_hand.pth", plain), expect("by_hand", expected)
put(good, "big_endian.pth", container(entries(("w", tensor())), {"data/0": np.arange(4, dtype=">f4").tobytes()}, order=b"big"))
expect("big_endian", expected)
python2 = b"\x80\x02ccollections\nOrderedDict\n](](" + b"U\x01w" + tensor() + b"eeb."  # refused: BUILD on a global
pairs = b"\x80\x02ccollections\nOrderedDict\n(](](" + b"U\x01w" + tensor() + b"eetR."
put(good, "python2_pairs.pth", container(pairs)), expect("python2_pairs", expected)
wrong_sum = bytearray(plain)
wrong_sum[plain.index(data4)] ^= 1
put(good, "wrong_sum.pth", bytes(wrong_sum))  # good only where the checksum is ignored
expect("wrong_sum", {"w": torch.from_numpy(np.frombuffer(bytes(wrong_sum)[plain.index(data4):][:16], "<f4").copy())})


# ---- hostile .pth -------------------------------------------------------------------------------
class Run:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def bad(name, data):
    put(hostile, name, data)


bad("os_system.pth", saved({"a": torch.ones(1), "b": Run(os.system, "touch /tmp/siskin-was-here")}))
bad("os_system_legacy.pth", saved({"b": Run(os.system, "true")}, _use_new_zipfile_serialization=False))
bad("eval.pth", saved({"b": Run(eval, "1+1")}))
bad("module.pth", saved(torch.nn.Linear(2, 2)))
bad("quantised.pth", saved({"q": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}))
bad("uint16.pth", saved({"u": torch.ones(2, dtype=torch.uint16)}))
bad("complex.pth", saved({"c": torch.ones(2, dtype=torch.complex64)}))
bad("numpy_scalar.pth", saved({"n": np.float64(1)}))
bad("protocol4.pth", saved({"a": torch.ones(1)}, pickle_protocol=4))
bad("no_tensors.pth", saved({"epoch": 3}))
bad("only_tensor.pth", saved(torch.ones(2)))
bad("integer_names.pth", saved({0: torch.ones(2)}))
bad("truncated.pth", saved(state)[:-100])
bad("truncated_half.pth", saved(state)[:1500])
bad("bit_flip.pth", bytes(wrong_sum))
at = plain.index(b"_rebuild_tensor_v2")
bad("bit_flip_pickle.pth", plain[:at] + b"A" + plain[at + 1:])
bad("deflated.pth", container(entries(("w", tensor())), method=zipfile.ZIP_DEFLATED))
bad("torchscript.pth", container(entries(("w", tensor())), {"data/0": data4, "constants.pkl": b"\x80\x02).", "code/x.py": b""}))
bad("no_pickle.pth", container(b"").replace(b"data.pkl", b"data.pkk"))
bad("two_folders.pth", container(entries(("w", tensor()))).replace(b"archive/version", b"brchive/version"))
bad("no_folder.pth", container(entries(("w", tensor()))).replace(b"archive/", b"archive_"))
bad("byte_order.pth", container(entries(("w", tensor())), order=b"middle"))
bad("missing_storage.pth", container(entries(("w", tensor(store=storage("7"))))))
bad("storage_size.pth", container(entries(("w", tensor(store=storage(count=5))))))
bad("storage_path.pth", container(entries(("w", tensor(store=storage("../../etc/passwd"))))))
bad("huge_shape.pth", container(entries(("w", tensor((1 << 40, 1 << 40), (1, 1))))))
bad("huge_size.pth", container(entries(("w", tensor((1 << 62,), (0,))))))
bad("negative_size.pth", container(entries(("w", tensor((-4,), (1,))))))
bad("negative_stride.pth", container(entries(("w", tensor((4,), (-1,), 3)))))
bad("negative_offset.pth", container(entries(("w", tensor((4,), (1,), -1)))))
bad("stride_bomb.pth", container(entries(("w", tensor((1 << 30,), (0,))))))
bad("alias_bomb.pth", container(entries(*[("w%d" % i, tensor((1 << 19,), (0,))) for i in range(40)])))
bad("stride_overflow.pth", container(entries(("w", tensor((3, 2), (1 << 62, 1))))))
bad("offset_beyond.pth", container(entries(("w", tensor((4,), (1,), 1)))))
bad("rank9.pth", container(entries(("w", tensor((1,) * 9, (1,) * 9)))))
bad("rank_differs.pth", container(entries(("w", tensor((2, 2), (1,))))))
bad("same_name.pth", container(entries(("w", tensor()), ("w", tensor()))))
bad("zero_in_name.pth", container(entries(("w\0x", tensor()))))
bad("no_name.pth", container(entries(("", tensor()))))
bad("bad_utf8.pth", container(b"\x80\x02}(X\2\0\0\0\xff\xfe" + tensor() + b"u."))
bad("lone_zip_end.pth", b"PK\5\6" + b"\0" * 18)
bad("zip_comment.pth", plain + b"x")


def pickled(name, body):
    bad("pickle_" + name + ".pth", container(b"\x80\x02" + body))


pickled("memo_bomb", b"}r\xff\xff\xff\x00.")
pickled("memo_unknown", b"h\x05.")
pickled("marks", b"(" * 2000 + b".")
pickled("underflow", b"s.")
pickled("below_mark", b"K\1(\x85.")
pickled("odd_dict", b"}(K\1u.")
pickled("no_stop", b"}")
pickled("early_stop", b"}}.")
pickled("empty", b"")
pickled("cut_string", b"X\xff\xff\xff\x7fabc.")
pickled("cut_name", b"ccollections")
pickled("long_name", b"c" + b"a" * 300 + b"\n.")
pickled("inst", b"(S'true'\nios\nsystem\n.")
pickled("obj", b"(cos\nsystem\nX\1\0\0\0xo.")
pickled("stack_global", b"\x8c\2os\x8c\6system\x93.")
pickled("extension", b"\x82\x01.")
pickled("call_of_dict", b"}).\x52")
pickled("call_storage", b"ctorch\nFloatStorage\n)R.")
pickled("call_not_tuple", b"ccollections\nOrderedDict\n}R.")
pickled("dict_of_numbers", b"ccollections\nOrderedDict\n(](K\1K\2etR.")
pickled("tensor_of_nothing", b"ctorch._utils\n_rebuild_tensor_v2\n)R.")
pickled("append_to_dict", b"}K\1a.")
pickled("build_on_int", b"K\1}b.")
pickled("persistent", b"K\1Q.")
pickled("storage_type", b"(" + text("storage") + b"K\1" + text("0") + text("cpu") + b"K\4tQ.")
pickled("storage_count", storage(count=-1) + b".")
pickled("storage_huge", storage(count=(1 << 62)) + b".")
pickled("long_number", b"\x8a\x0a" + b"\1" * 10 + b".")
pickled("holds_itself", b"}q\0X\5\0\0\0modelh\0s.")
pickled("python2_build", python2[2:])


# Zip tricks need a zip by hand: (name, local name, payload, shift of the local offset, method, flags).
def zip_by_hand(items, count=None, tail=b""):
    body, directory, where = b"", b"", []
    for name, local, payload, shift, method, flags in items:
        sums = struct.pack("<III", zlib.crc32(payload), len(payload), len(payload))
        where.append(len(body))
        body += b"PK\3\4" + struct.pack("<HHHHH", 0, 0, method, 0, 0x21) + sums + struct.pack("<HH", len(local), 0) + local + payload
        directory += (b"PK\1\2" + struct.pack("<HHHHHH", 0, 0, flags, method, 0, 0x21) + sums
                      + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, where[-1] + shift & 0xffffffff) + name)
    number_of = len(items) if count is None else count
    return (body + directory + tail
            + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, number_of, number_of, len(directory), len(body), 0))


p = entries(("w", tensor()))
n0, n1 = b"archive/data.pkl", b"archive/data/0"
bad("zip_same_name.pth", zip_by_hand([(n0, n0, p, 0, 0, 0), (n1, n1, data4, 0, 0, 0), (n1, n1, data4, 0, 0, 0)]))
bad("zip_overlap.pth", zip_by_hand([(n0, n0, p, 0, 0, 0), (n1, n1, data4, 0, 0, 0), (n1, n1, data4, -30 - len(n1) - 16, 0, 0)]))
bad("zip_other_name.pth", zip_by_hand([(n0, n0, p, 0, 0, 0), (n1, b"archive/data/1", data4, 0, 0, 0)]))
bad("zip_beyond.pth", zip_by_hand([(n0, n0, p, 0, 0, 0), (n1, n1, data4, 1 << 30, 0, 0)]))
bad("zip_misplaced.pth", zip_by_hand([(n0, n0, p, 0, 0, 0), (n1, n1, data4, 1, 0, 0)]))
bad("zip_encrypted.pth", zip_by_hand([(n0, n0, p, 0, 0, 1), (n1, n1, data4, 0, 0, 1)]))
bad("zip_count.pth", zip_by_hand([(n0, n0, p, 0, 0, 0), (n1, n1, data4, 0, 0, 0)], count=1))
bad("zip_many.pth", zip_by_hand([(n0, n0, p, 0, 0, 0)], count=60000))
bad("zip64_missing.pth", zip_by_hand([(n0, n0, p, 0, 0, 0)], count=0xffff))
bad("zip64_wrap.pth", zip_by_hand([(n0, n0, p, 0, 0, 0)], count=0xffff, tail=b"PK\6\6" + struct.pack(
    "<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 2**64 - 1, 2**64 - 1) + b"PK\6\7" + struct.pack("<IQI", 0, 0, 1)))

legacy = saved({"w": torch.arange(4.0)}, _use_new_zipfile_serialization=False)
bad("legacy_truncated.pth", legacy[:-1])
bad("legacy_trailing.pth", legacy + b"\0")
bad("legacy_count.pth", legacy[:-24] + struct.pack("<Q", 5) + legacy[-16:])
bad("legacy_version.pth", legacy.replace(b"\x80\x02M\xe9\x03.", b"\x80\x02M\xea\x03.", 1))
bad("legacy_magic.pth", legacy[:5] + b"x" + legacy[6:])
bad("legacy_cut_pickle.pth", legacy[:120])
bad("pickle_alone.pth", pickle.dumps({"a": 1}, protocol=2))
bad("pickle_protocol4.pth", pickle.dumps({"a": 1}, protocol=4))
bad("empty.pth", b"")
bad("text.pth", b"this is no weight file at all, only a text\n")
bad("hdf5.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 40)


# ---- safetensors --------------------------------------------------------------------------------
def safe(header, data=b"", length=None):
    body = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(body) if length is None else length) + body + data


def one(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


two = np.arange(1, 3, dtype="<f4").tobytes()
save_file({"w": torch.arange(6.0).view(2, 3), "i": torch.ones(3, dtype=torch.uint8), "h": torch.ones(1, dtype=torch.bfloat16),
           "d": torch.full((1,), 2.5, dtype=torch.float64)}, os.path.join(good, "reference.safetensors"), {"format": "pt", "b": "ü"})
put(good, "misaligned.safetensors", safe({"b": one("U8", (1,), (0, 1)), "a": one(offsets=(1, 9))}, b"\7" + two))
put(good, "padded.safetensors", safe(b" \t" + json.dumps({"a": {**one(), "extra": [1, {}]}}).encode() + b"  \t ", two))
put(good, "scalar_and_empty.safetensors", safe({"e": one(shape=(0, 3), offsets=(4, 4)), "s": one(shape=(), offsets=(0, 4))}, two[:4]))
put(good, "nothing.safetensors", safe(b"{}"))

for name, data in {
    "trailing": safe({"a": one()}, two + b"\0"), "short": safe({"a": one()}, two[:-1]),
    "hole": safe({"a": one(), "b": one("U8", (1,), (9, 10))}, two + b"\0\0"),
    "hole_first": safe({"a": one(offsets=(1, 9))}, b"\0" + two),
    "overlap": safe({"a": one(), "b": one("U8", (1,), (7, 8))}, two),
    "size": safe({"a": one(shape=(3,))}, two), "overflow": safe({"a": one(shape=(2**62, 4), offsets=(0, 0))}),
    "overflow_bytes": safe({"a": one("F64", (2**61,), (0, 0))}),
    "negative": safe({"a": one(shape=(-1,), offsets=(0, 0))}), "fraction": safe({"a": one(shape=(1.5,))}, two),
    "dtype": safe({"a": one("F31")}, two), "dtype_f8": safe({"a": one("F8_E4M3", (8,))}, two), "no_dtype": safe({"a": {"shape": [2], "data_offsets": [0, 8]}}, two),
    "dtype_number": safe({"a": one(3)}, two), "no_shape": safe({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, two),
    "shape_text": safe({"a": {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]}}, two), "offsets_one": safe({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8]}}, two),
    "offsets_text": safe({"a": {"dtype": "F32", "shape": [2], "data_offsets": ["0", "8"]}}, two),
    "offsets_negative": safe({"a": one(offsets=(-8, 0))}, two), "metadata_number": safe({"__metadata__": {"x": 1}, "a": one()}, two),
    "metadata_list": safe({"__metadata__": ["x"], "a": one()}, two),
    "duplicate": safe(b'{"a":' + json.dumps(one()).encode() + b',"a":' + json.dumps(one()).encode() + b"}", two),
    "no_header": safe(b""), "header_huge": struct.pack("<Q", 100000001) + b"{}", "header_wrap": struct.pack("<Q", 2**64 - 1) + b"{}",
    "header_long": safe({"a": one()}, two, 10**6), "list": safe(b"[]"), "reversed": safe({"a": one("U8", (0,), (4, 0))}),
    "utf8": safe(b'{"\xff":' + json.dumps(one()).encode() + b"}", two), "rank9": safe({"a": one(shape=(1,) * 8 + (2,))}, two),
    "entry": safe({"a": 3}), "nan": safe(b'{"a":NaN}'), "deep": safe(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"), "tiny": b"\2\0\0\0",
    "after": safe(b"{}{}"), "zero_escape": safe(b'{"a\\u0000":' + json.dumps(one()).encode() + b"}", two),
}.items():
    bad("st_" + name + ".safetensors", data)


# ---- npy ----------------------------------------------------------------------------------------
def npy(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


arrays = {
    "f4": np.linspace(-1, 1, 12, dtype="<f4").reshape(3, 4), "f8": np.linspace(0, 1, 3), "f2": np.array([1.5, -2], "<f2"), "u1": np.arange(5, dtype="u1"),
    "i1": np.array([-128, 127], "i1"), "i2": np.array([-300, 300], "<i2"), "i4": np.arange(6, dtype="<i4").reshape(1, 2, 3), "i8": np.array(-(2**50)), "b1": np.array([True, False]),
    "scalar": np.array(2.5, "<f4"), "empty": np.zeros((0, 3), "<f4"), "fortran": np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4)),
    "v2": np.arange(3, dtype="<f4"), "v3": np.arange(3, dtype="<i4"),
}
for name, array in arrays.items():
    put(good, name + ".npy", npy(array, (int(name[1]), 0) if name in ("v2", "v3") else (1, 0)))
save_file({k: torch.from_numpy(np.ascontiguousarray(v).reshape(v.shape)) for k, v in arrays.items()}, os.path.join(good, "npy.safetensors"))


def head(header, data=two, version=1, length=None):
    header = header.encode() if isinstance(header, str) else header
    size = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + header + data


put(good, "hand.npy", head('{"shape":(2,),"fortran_order":False,\'descr\':"<f4"}\n'))
for name, data in {
    "big_endian": npy(np.arange(3, dtype=">f4")), "object": head("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", b"\x80\x02cos\nsystem\n."), "records": npy(np.zeros(2, [("a", "<f4"), ("b", "<i4")])),
    "unsigned16": npy(np.arange(3, dtype="<u2")), "complex": npy(np.zeros(2, "<c8")), "text": npy(np.array(["ab"])), "truncated": npy(np.arange(9, dtype="<f4"))[:-1],
    "trailing": npy(np.arange(9, dtype="<f4")) + b"\0", "cut_header": npy(np.arange(9, dtype="<f4"))[:40], "cut_magic": b"\x93NUM", "version": head("{}", version=9),
    "negative": head("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }"), "huge": head("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,4), }"),
    "wide": head("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"), "key": head("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}"),
    "twice": head("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"), "lacks": head("{'descr': '<f4', 'shape': (2,)}"), "after": head("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x"),
    "no_tuple": head("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}"), "no_comma": head("{'descr': '<f4', 'fortran_order': False 'shape': (2,)}"), "order": head("{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}"),
    "unclosed": head("{'descr': '<f4"), "long_string": head("{'descr': '<f4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'fortran_order': False, 'shape': (2,)}"), "rank9": head("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}"),
    "header_huge": head("{}", version=2, length=0xffffffff), "open": head("{'descr': '<f4', 'fortran_order': False, 'shape': (2,"), "empty": b"",
}.items():
    bad("npy_" + name + ".npy", data)


# ---- corpora ------------------------------------------------------------------------------------
def seed(what, name, data):
    folder = os.path.join(sys.argv[2], what)
    os.makedirs(folder, exist_ok=True)
    if len(data) <= 4096:
        put(folder, name, data)


for folder in (good, hostile):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        kind = os.path.splitext(name)[1][1:]
        if kind in ("npy", "safetensors", "pth"):
            seed(kind, name, data)
        if kind == "pth" and data[:4] == b"PK\3\4":
            begin = 30 + sum(struct.unpack("<HH", data[26:30]))
            end = data.find(b"PK", begin)
            seed("pickle", name[:-4] + ".pkl", data[begin:end])
