"""The kernels: exact Hamming search over 256-bit codes, flat and through the tables of a segment.

They work on memory addresses, because a segment is one mapped file with sections of several types,
and because numba counts references for every array that goes from function to function (measured:
4.9 instead of 1.6 µs of computing for a query among a million). The caller keeps the memory alive
and has checked the segment. All kernels release the GIL.

The machine instructions and the kernels share this file on purpose: numba's cache notices a change
of the file that holds a kernel, not of the files with what the kernel calls.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
Emitted = tuple[Any, Callable[..., Any]]

CHUNKS = 16
"""A code is a ring of 16 chunks of 16 bits, in the order of its bytes, each little-endian."""

RADIUS, PROBES, OFFSETS, NEIGHBOURS, LINKS, LINK_BYTES = (8 * field for field in range(6))
"""Where a plan's line for a chunk holds what, in bytes: six int64 (see `segment.Plan`)."""

CODES, ROWS, KEYS, KEY_BYTES, FIRST_KEY, DEAD = (8 * field for field in range(6))
"""Where the description of a part, a segment or tail, holds what: six int64 (see `part.py`)."""

FIELDS = 6

MOST_QUERIES = 1 << 22
"""As many queries have a number in a hit (see `_compare`)."""

HUB_BYTES = 4
"""A table whose links have this width is a hub: they are row numbers. Narrower ones are ranks."""

FEWEST_LANES = 4
"""Queries from which on a flat scan compares eight at once rather than one after the other."""

_PLAN_LINE = 8 * FIELDS
_OVER_BUDGET = -1
_BROKEN = -2
_CACHE_LINE = 64
_SURVIVORS = 2048  # entries followed at a time: 16 kB of scratch, within the first-level cache
_BUDGET = 16  # bytes of neighbours read per row of a segment, from where a flat scan is quicker
_SURVIVOR_WORK = 320  # bytes of neighbours that are read in the time that a survivor takes
_ROOM = 256  # hits that fit before their array is grown
_TILE = 8192  # rows that meet all queries of a flat scan while in the second-level cache
_HALF_RADIUS = 44  # up to here the first 128 bits of a stranger (mean 64, sigma 5.7) rule it out
_LANES = 8  # queries compared at once in a flat scan


_njit: Any = njit  # a signature that is built and not written is more than its types foresee


def kernel(signature: object = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function that runs without the GIL: at once for a signature, else when called.

    The machine code is kept beside the package, or in the user's cache folder, so that a later
    start takes milliseconds. Where neither can be written it is compiled in each process.
    """

    def compiled(function: Callable[P, R]) -> Callable[P, R]:
        try:
            return cast("Callable[P, R]", _njit(signature, nogil=True, cache=True)(function))
        except (RuntimeError, OSError):
            return cast("Callable[P, R]", _njit(signature, nogil=True)(function))

    return compiled


_int64 = cast("Callable[[int], int]", np.int64)  # an address is unsigned, which numba will not mix
_instruction = cast("Callable[[Callable[..., Emitted]], Callable[..., int]]", intrinsic)

# Machine instructions that numba has no word for ------------------------------------------------

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_WORDS = ir.VectorType(_I16, 32)
_CODE = ir.VectorType(_I64, 4)
_EIGHT = ir.VectorType(_I64, _LANES)


def _emitted(emit: Callable[..., Any], arguments: int, *, answers: bool = True) -> Emitted:
    """Tell numba the type of an instruction on int64 arguments and how to emit it."""

    def codegen(context: ir.Module, builder: ir.IRBuilder, _: object, values: Any) -> Any:  # noqa: ANN401 -- an LLVM value
        value = emit(builder, *values)
        return value if answers else context.get_dummy_value()

    return (types.int64 if answers else types.void)(*[types.int64] * arguments), codegen


def _load(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def _call(builder: ir.IRBuilder, name: str, answer: ir.Type, *values: ir.Value) -> ir.Value:
    kind = ir.FunctionType(answer, [value.type for value in values])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, values)


def _splat(builder: ir.IRBuilder, value: ir.Value, kind: ir.VectorType) -> ir.Value:
    """The value, cut to the element's width, in every lane."""
    if kind.element.width < value.type.width:
        value = builder.trunc(value, kind.element)
    blank = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(blank, value, _I32(0))
    return builder.shuffle_vector(first, blank, _numbers([0] * kind.count))


def _numbers(values: Iterable[int]) -> ir.Value:
    """A constant vector, such as says which lane goes where."""
    constants = list(values)
    return ir.Constant(ir.VectorType(_I32, len(constants)), constants)


@_instruction
def _byte(_: object, _address: object) -> Emitted:
    return _emitted(lambda b, a: b.zext(_load(b, a, _I8), _I64), 1)


@_instruction
def _half(_: object, _address: object) -> Emitted:
    return _emitted(lambda b, a: b.zext(_load(b, a, _I16), _I64), 1)


@_instruction
def _word(_: object, _address: object) -> Emitted:
    return _emitted(lambda b, a: b.zext(_load(b, a, _I32), _I64), 1)


@_instruction
def _long(_: object, _address: object) -> Emitted:
    return _emitted(lambda b, a: _load(b, a, _I64), 1)


@_instruction
def _store(_: object, _address: object, _value: object) -> Emitted:
    def emit(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
        builder.store(value, builder.inttoptr(address, _I64.as_pointer()), align=1)

    return _emitted(emit, 2, answers=False)


@_instruction
def _prefetch(_: object, _address: object) -> Emitted:
    def emit(builder: ir.IRBuilder, address: ir.Value) -> None:
        pointer = builder.inttoptr(address, _I8.as_pointer())
        to_read, all_caches, data = _I32(0), _I32(3), _I32(1)
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, to_read, all_caches, data)

    return _emitted(emit, 1, answers=False)


@_instruction
def _ones(_: object, _value: object) -> Emitted:
    return _emitted(lambda b, v: b.ctpop(v), 1)


@_instruction
def _lowest(_: object, _value: object) -> Emitted:
    """Number of the lowest bit that is set; the value must not be 0."""
    return _emitted(lambda b, v: b.cttz(v, ir.IntType(1)(1)), 1)


@_instruction
def _near_chunks(_: object, _address: object, _chunk: object, _limit: object) -> Emitted:
    """Which of the 32 chunks at `address` lie within `limit` bits of `chunk`: a mask."""

    def emit(builder: ir.IRBuilder, *values: ir.Value) -> ir.Value:
        address, chunk, limit = values
        apart = builder.xor(_load(builder, address, _WORDS), _splat(builder, chunk, _WORDS))
        bits = _call(builder, "llvm.ctpop.v32i16", _WORDS, apart)
        near = builder.icmp_unsigned("<=", bits, _splat(builder, limit, _WORDS))
        return builder.zext(builder.bitcast(near, _I32), _I64)

    return _emitted(emit, 3)


@_instruction
def _distance(_: object, _one: object, _other: object) -> Emitted:
    """Hamming distance between the codes at two addresses."""

    def emit(builder: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
        apart = builder.xor(_load(builder, one, _CODE), _load(builder, other, _CODE))
        bits = _call(builder, "llvm.ctpop.v4i64", _CODE, apart)
        return _call(builder, "llvm.vector.reduce.add.v4i64", _I64, bits)

    return _emitted(emit, 2)


def _lanes_near(words: range) -> Callable[..., ir.Value]:
    """Emitter: which of eight queries lie within a limit of a code, counting these words only."""

    def emit(builder: ir.IRBuilder, *values: ir.Value) -> ir.Value:
        code, lanes, limit = values
        total = ir.Constant(_EIGHT, [0] * _LANES)
        for word in words:
            mine = _splat(builder, _load(builder, builder.add(code, _I64(8 * word)), _I64), _EIGHT)
            theirs = _load(builder, builder.add(lanes, _I64(64 * word)), _EIGHT)
            bits = _call(builder, "llvm.ctpop.v8i64", _EIGHT, builder.xor(mine, theirs))
            total = builder.add(total, bits)
        near = builder.icmp_unsigned("<=", total, _splat(builder, limit, _EIGHT))
        return builder.zext(builder.bitcast(near, _I8), _I64)

    return emit


@_instruction
def _near_first_half(_: object, _code: object, _lanes: object, _limit: object) -> Emitted:
    return _emitted(_lanes_near(range(2)), 3)


@_instruction
def _near_lanes(_: object, _code: object, _lanes: object, _limit: object) -> Emitted:
    return _emitted(_lanes_near(range(4)), 3)


@_instruction
def _near_rows(_: object, _codes: object, _query: object, _limit: object) -> Emitted:
    """Which of the eight codes at `codes` lie within `limit` bits of the query: a mask."""

    def emit(builder: ir.IRBuilder, *values: ir.Value) -> ir.Value:
        codes, query, limit = values
        rows = ir.VectorType(_I64, 4 * _LANES)
        code, blank = _load(builder, query, _CODE), ir.Constant(_CODE, ir.Undefined)
        queries = builder.shuffle_vector(code, blank, _numbers([*range(4)] * _LANES))
        apart = builder.xor(_load(builder, codes, rows), queries)
        bits = _call(builder, "llvm.ctpop.v32i64", rows, apart)
        total = ir.Constant(_EIGHT, [0] * _LANES)
        for word in range(4):
            lanes = _numbers(range(word, 4 * _LANES, 4))
            total = builder.add(total, builder.shuffle_vector(bits, bits, lanes))
        near = builder.icmp_unsigned("<=", total, _splat(builder, limit, _EIGHT))
        return builder.zext(builder.bitcast(near, _I8), _I64)

    return _emitted(emit, 3)


# Hits and matches -------------------------------------------------------------------------------


class _Task(NamedTuple):
    """One query and what it is compared with: addresses, apart from the last four.

    `number` is the query's place in its batch, `shift` takes a chunk to its bucket.
    """

    query: int
    plan: int
    flips: int
    codes: int
    rows: int
    shift: int
    radius: int
    number: int


@njit(nogil=True)
def _compare(task: _Task, row: int, hits: NDArray[np.int64], known: int) -> int:
    """Note the row if it lies within the radius. How many hits are known now.

    A hit is one int64, so that hits sort as they are: query number, distance in bits 32 to 40, row.
    Those that find no room in `hits` are only counted.
    """
    distance = _distance(task.codes + 32 * row, task.query)
    if distance > task.radius:
        return known
    if known < hits.size:
        hits[known] = (task.number << 41) | (distance << 32) | row
    return known + 1


@njit(nogil=True)
def _grown(hits: NDArray[np.int64], known: int, wanted: int) -> NDArray[np.int64]:
    """The first `known` hits, with room for twice what is wanted."""
    larger = np.empty(2 * wanted, np.int64)
    for number in range(known):
        larger[number] = hits[number]
    return larger


@njit(nogil=True)
def _sort(values: NDArray[np.int64]) -> None:
    """Shell's sort, in place: numba's own takes longer to compile than all the rest of `scan`."""
    gap = 1
    while gap < values.size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for place in range(gap, values.size):
            value = values[place]
            while place >= gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value
        gap //= 3


@njit(nogil=True)
def _matches(part: int, hits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hits of living rows, each once, in order: query number, distance and key; int64 (n, 3)."""
    _sort(hits)
    keys, width, first_key = _long(part + KEYS), _long(part + KEY_BYTES), _long(part + FIRST_KEY)
    matches, kept, before = np.empty((hits.size, 3), np.int64), 0, -1
    for hit in hits:
        row = hit & 0xFFFFFFFF
        if hit == before or _byte(_long(part + DEAD) + row):
            continue
        key = _word(keys + 4 * row) if width == 4 else _long(keys + 8 * row)
        matches[kept, 0], matches[kept, 1] = hit >> 41, (hit >> 32) & 511
        matches[kept, 2] = first_key + key
        kept, before = kept + 1, hit
    return matches[:kept]


# Search through the tables ----------------------------------------------------------------------
#
# Each function does one step, for one chunk or for all survivors, and asks the memory for what the
# next step will read: a query touches a thousand cache lines and must not wait for each. The steps
# are compiled into `search`. `probes`, `survivors` and `hops` are addresses of scratch memory.


@njit(nogil=True)
def _locate(task: _Task, chunk: int, probes: int) -> None:
    """Step 1: the buckets of a chunk within its radius. Writes the address of each one's offset."""
    line = task.plan + _PLAN_LINE * chunk
    offsets = _long(line + OFFSETS)
    bucket = _half(task.query + 2 * chunk) >> task.shift
    for number in range(_long(line + PROBES)):
        offset = offsets + 4 * (bucket ^ (_word(task.flips + 4 * number) & 0xFFFF))
        _prefetch(offset)
        _store(probes + 16 * number, offset)


@njit(nogil=True)
def _fetch(task: _Task, chunk: int, probes: int) -> int:
    """Step 2: offsets become the first and last address of a bucket's neighbours. Bytes in all."""
    line = task.plan + _PLAN_LINE * chunk
    neighbours = _long(line + NEIGHBOURS)
    total = 0
    for number in range(_long(line + PROBES)):
        offset = _long(probes + 16 * number)
        first = neighbours + 2 * _word(offset)
        last = neighbours + 2 * _word(offset + 4)
        _store(probes + 16 * number, first)
        _store(probes + 16 * number + 8, last)
        _prefetch(first)
        ahead = (first | (_CACHE_LINE - 1)) + 1
        while ahead < last:
            _prefetch(ahead)
            ahead += _CACHE_LINE
        total += last - first
    return total


@njit(nogil=True)
def _scan(task: _Task, chunk: int, first: int, last: int, limit: int, out: int) -> int:
    """Step 3: entries of a bucket whose neighbour chunk is within `limit`. Where `out` ends now.

    A survivor is one int64: its position in the table, the chunk in bits 32 to 39, and in bits 40
    to 47 its balance plus 128 (see `layout.chunk_radii`), which is below 0 for a survivor.
    """
    line = task.plan + _PLAN_LINE * chunk
    neighbours, links, width = (
        _long(line + NEIGHBOURS),
        _long(line + LINKS),
        _long(line + LINK_BYTES),
    )
    wanted = _half(task.query + 2 * ((chunk + 1) & 15))
    while first < last:
        near = _near_chunks(first, wanted, limit)
        if last - first < _CACHE_LINE:
            near &= (1 << ((last - first) >> 1)) - 1
        while near:
            position = ((first - neighbours) >> 1) + _lowest(near)
            near &= near - 1
            _prefetch(links + width * position)
            balance = _ones(_half(neighbours + 2 * position) ^ wanted) - limit - 1
            _store(out, position | (chunk << 32) | ((balance + 128) << 40))
            out += 8
        first += _CACHE_LINE
    return out


@njit(nogil=True)
def _link(task: _Task, survivors: int, count: int, hops: int) -> None:
    """Step 4: survivors' positions become their links; `hops` says where the next offset stands."""
    for each in range(count):
        survivor = _long(survivors + 8 * each)
        position, chunk = survivor & 0xFFFFFFFF, (survivor >> 32) & 255
        line = task.plan + _PLAN_LINE * chunk
        links, width = _long(line + LINKS), _long(line + LINK_BYTES)
        if width == HUB_BYTES:
            link = _word(links + 4 * position)
            _prefetch(task.codes + 32 * link)
        else:
            link = _byte(links + position) if width == 1 else _half(links + 2 * position)
            following = task.plan + _PLAN_LINE * ((chunk + 1) & 15)
            bucket = _half(_long(line + NEIGHBOURS) + 2 * position) >> task.shift
            offset = _long(following + OFFSETS) + 4 * bucket
            _prefetch(offset)
            _store(hops + 8 * each, offset)
        _store(survivors + 8 * each, (survivor & ~0xFFFFFFFF) | link)


@njit(nogil=True)
def _verify(task: _Task, survivors: int, count: int, hits: NDArray[np.int64], known: int) -> int:
    """Step 5, in hubs: the whole code decides. How many hits are known now, or `_BROKEN`."""
    for each in range(count):
        survivor = _long(survivors + 8 * each)
        if _long(task.plan + _PLAN_LINE * ((survivor >> 32) & 255) + LINK_BYTES) == HUB_BYTES:
            row = survivor & 0xFFFFFFFF
            if row >= task.rows:
                return _BROKEN
            known = _compare(task, row, hits, known)
    return known


@njit(nogil=True)
def _hop(task: _Task, survivors: int, count: int, hops: int) -> int:
    """Step 6, elsewhere: a rank becomes the position in the next table. How many, or `_BROKEN`."""
    kept = 0
    for each in range(count):
        survivor = _long(survivors + 8 * each)
        chunk = (survivor >> 32) & 255
        if _long(task.plan + _PLAN_LINE * chunk + LINK_BYTES) == HUB_BYTES:
            continue
        position = _word(_long(hops + 8 * each)) + (survivor & 0xFFFFFFFF)
        if position >= task.rows:
            return _BROKEN
        chunk = (chunk + 1) & 15
        _prefetch(_long(task.plan + _PLAN_LINE * chunk + NEIGHBOURS) + 2 * position)
        _store(survivors + 8 * kept, (survivor & ~0xFFFFFFFFFF) | (chunk << 32) | position)
        kept += 1
    return kept


@njit(nogil=True)
def _weigh(task: _Task, survivors: int, count: int) -> int:
    """Step 7: one more chunk enters the balance; below 0 no longer, one goes. How many stay."""
    kept = 0
    for each in range(count):
        survivor = _long(survivors + 8 * each)
        position, chunk = survivor & 0xFFFFFFFF, (survivor >> 32) & 255
        line, following = task.plan + _PLAN_LINE * chunk, (chunk + 1) & 15
        chunks_apart = _half(_long(line + NEIGHBOURS) + 2 * position) ^ _half(
            task.query + 2 * following
        )
        spare = _long(task.plan + _PLAN_LINE * following + RADIUS) + 1
        balance = ((survivor >> 40) & 255) - 128 + _ones(chunks_apart) - spare
        if balance < 0:
            _prefetch(_long(line + LINKS) + _long(line + LINK_BYTES) * position)
            _store(survivors + 8 * kept, position | (chunk << 32) | ((balance + 128) << 40))
            kept += 1
    return kept


@njit(nogil=True)
def _follow(task: _Task, survivors: int, count: int, hits: NDArray[np.int64], known: int) -> int:
    """Steps 4 to 7 until no survivor is left. How many matches are known now, or `_BROKEN`."""
    hops = survivors + 8 * _SURVIVORS
    while count > 0 and known >= 0:
        _link(task, survivors, count, hops)
        known = _verify(task, survivors, count, hits, known)
        count = _hop(task, survivors, count, hops)
        if count == _BROKEN:
            return _BROKEN
        count = _weigh(task, survivors, count)
    return known


@njit(nogil=True)
def _sift(
    task: _Task,
    chunk: int,
    probes: int,
    survivors: int,
    out: int,
    hits: NDArray[np.int64],
    known: int,
) -> tuple[int, int, int]:
    """Step 3 for all buckets of a chunk. End of the survivors, matches known now, and work done.

    Survivors are followed when their room might not suffice: in clusters and for large radii.
    """
    work = 0
    room = survivors + 8 * _SURVIVORS
    line = task.plan + _PLAN_LINE * chunk
    following = task.plan + _PLAN_LINE * ((chunk + 1) & 15)
    allowed = _long(line + RADIUS) + _long(following + RADIUS) + 1
    for number in range(_long(line + PROBES)):
        first, last = _long(probes + 16 * number), _long(probes + 16 * number + 8)
        limit = allowed - (_word(task.flips + 4 * number) >> 16)
        while first < last:
            stop = min(last, first + 2 * _SURVIVORS)
            if out + 4 * (stop - first) > room:
                work += _SURVIVOR_WORK * ((out - survivors) >> 3)
                known = _follow(task, survivors, (out - survivors) >> 3, hits, known)
                out = survivors
                if known < 0:
                    return out, known, work
            out = _scan(task, chunk, first, stop, limit, out)
            first = stop
    return out, known, work


@njit(nogil=True)
def _search_one(task: _Task, scratch: int, slot: int, hits: NDArray[np.int64], known: int) -> int:
    """All steps for one query. How many matches are known now, `_OVER_BUDGET` or `_BROKEN`.

    Three chunks are under way at a time, one in each of steps 1 to 3; a slot of scratch holds the
    probes of one. A row may be found through several chunks: the caller, who sorts, drops copies.
    """
    ring = scratch + 16 * _SURVIVORS
    out, work = scratch, 0
    for step in range(CHUNKS + 2):
        if step < CHUNKS:
            _locate(task, step, ring + slot * (step % 3))
        if 0 < step <= CHUNKS:
            work += _fetch(task, step - 1, ring + slot * ((step - 1) % 3))
        if work > _BUDGET * task.rows + _SURVIVORS * _SURVIVOR_WORK:
            return _OVER_BUDGET
        if step >= 2:
            probes = ring + slot * ((step - 2) % 3)
            out, known, more = _sift(task, step - 2, probes, scratch, out, hits, known)
            work += more
            if known < 0:
                return known
    return _follow(task, scratch, (out - scratch) >> 3, hits, known)


# Flat scan --------------------------------------------------------------------------------------


@njit(nogil=True)
def _scan_rows(task: _Task, start: int, stop: int, hits: NDArray[np.int64], known: int) -> int:
    """Compare one query with rows, eight at a time. How many hits are known now."""
    row = start
    while row + _LANES <= stop:
        near = _near_rows(task.codes + 32 * row, task.query, task.radius)
        while near:
            known = _compare(task, row + _lowest(near), hits, known)
            near &= near - 1
        row += _LANES
    for last in range(row, stop):
        known = _compare(task, last, hits, known)
    return known


@njit(nogil=True)
def _scan_lanes(
    task: _Task,
    lanes: int,
    used: int,
    start: int,
    stop: int,
    hits: NDArray[np.int64],
    known: int,
) -> int:
    """Compare up to eight queries, from the task's on, with rows. How many hits are known now."""
    halves = task.radius <= _HALF_RADIUS
    mask = (1 << used) - 1
    for row in range(start, stop):
        code = task.codes + 32 * row
        if halves and not _near_first_half(code, lanes, task.radius) & mask:
            continue
        near = _near_lanes(code, lanes, task.radius) & mask
        while near:
            query, number = task.query + 32 * _lowest(near), task.number + _lowest(near)
            one = _Task(query, 0, 0, task.codes, task.rows, 0, task.radius, number)
            known = _compare(one, row, hits, known)
            near &= near - 1
    return known


@njit(nogil=True)
def _transposed(queries: int, count: int) -> NDArray[np.int64]:
    """Queries in blocks of eight lanes, (blocks, 4 words, 8 lanes); the last one padded with 0."""
    lanes = np.zeros((count // _LANES + 1, 4, _LANES), np.int64)
    for number in range(count):
        for word in range(4):
            value = _long(queries + 32 * number + 8 * word)
            lanes[number // _LANES, word, number % _LANES] = value
    return lanes


# What is called from outside --------------------------------------------------------------------

_CODES = types.Array(types.uint8, 2, "C", readonly=True)
_MATCHES = types.Array(types.int64, 2, "C")


@kernel(_MATCHES(_CODES, *[types.int64] * 6))
def search(
    queries: NDArray[np.uint8],
    part: int,
    plan: int,
    flips: int,
    probes: int,
    shift: int,
    radius: int,
) -> NDArray[np.int64]:
    """Every living row within the radius of each query, through the tables of a segment.

    `queries` are codes, (n, 32). `part`, `plan` and `flips` are addresses of what `segment.py`
    describes; `probes` is the largest number of probes of a chunk. Answers int64 (matches, 3):
    query number, distance and key, sorted by query, distance and row. Raises ValueError where a
    link points outside the segment.
    """
    slot = 16 * probes
    scratch = np.empty(16 * _SURVIVORS + 3 * slot, np.uint8)
    hits, known = np.empty(_ROOM, np.int64), 0
    codes, rows = _long(part + CODES), _long(part + ROWS)
    first = _int64(queries.ctypes.data)
    for number in range(len(queries)):
        task = _Task(first + 32 * number, plan, flips, codes, rows, shift, radius, number)
        while True:
            after = _search_one(task, _int64(scratch.ctypes.data), slot, hits, known)
            if after == _OVER_BUDGET:
                after = _scan_rows(task, 0, rows, hits, known)
            if after == _BROKEN:
                raise ValueError("a link points outside the segment")
            if after <= hits.size:
                break
            hits = _grown(hits, known, after)
        known = after
    scratch[0] = 0  # keeps the memory up to here: numba sees the array, not the use of its address
    return _matches(part, hits[:known])


@kernel(_MATCHES(_CODES, *[types.int64] * 2))
def scan(queries: NDArray[np.uint8], part: int, radius: int) -> NDArray[np.int64]:
    """Answer as `search` does, by comparing every query with every row.

    Rows are taken in tiles, each of which meets all queries while it is in the cache.
    """
    codes, rows = _long(part + CODES), _long(part + ROWS)
    first, count = _int64(queries.ctypes.data), len(queries)
    lanes = _transposed(first, count)
    hits, known = np.empty(_ROOM, np.int64), 0
    step = _LANES if count >= FEWEST_LANES else 1
    for start in range(0, rows, _TILE):
        stop = min(start + _TILE, rows)
        for number in range(0, count, step):
            task = _Task(first + 32 * number, 0, 0, codes, rows, 0, radius, number)
            while True:
                if step == 1:
                    after = _scan_rows(task, start, stop, hits, known)
                else:
                    block = _int64(lanes[number // _LANES].ctypes.data)
                    used = min(_LANES, count - number)
                    after = _scan_lanes(task, block, used, start, stop, hits, known)
                if after <= hits.size:
                    break
                hits = _grown(hits, known, after)
            known = after
    lanes[0, 0, 0] = 0  # keeps the memory up to here, as in `search`
    return _matches(part, hits[:known])
