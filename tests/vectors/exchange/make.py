"""Writes the test vectors of docs/spec/exchange-log.md, which are kept so that others can use them.

    python tests/vectors/exchange/make.py

All keys are made from fixed seeds: they protect nothing. What comes from elsewhere is marked with
its source and is not computed here.
"""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.exchange.advance import encode_advance
from tocsin.exchange.bundles import encode_bundle
from tocsin.exchange.checkpoint import Checkpoint, open_checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent
from tocsin.exchange.keys import Algorithm, SigningKey
from tocsin.exchange.merkle import CompactRange, leaf_hash
from tocsin.exchange.note import Note, Signature, sign_note
from tocsin.exchange.proof import Proof, prove
from tocsin.exchange.tiles import BUNDLE, Tile, levels_of, tile_at, tiles_of
from tocsin.exchange.tree import Tree

HERE = Path(__file__).parent
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORIGIN = "exchange.example/log"
SIZES = (0, 1, 2, 3, 7, 8, 255, 256, 257, 300)

# Source: the reference tree of certificate-transparency, merkletree/merkle_tree_test.
CT_LEAVES = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
CT_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def key(name: str, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
    seed = sha256(f"tocsin test key {name}".encode()).digest()
    return SigningKey(name, algorithm, Ed25519PrivateKey.from_private_bytes(seed))


LOG = key(ORIGIN)
OTHER = key("other.example/log")
WITNESSES = {
    name: key(f"{name}.example/witness", Algorithm.COSIGNATURE)
    for name in ("platform", "university", "civil", "state")
}


class Objects(dict[str, bytes]):
    """A log's objects in memory; see `Fetch`."""

    def get(self, path):  # type: ignore[override]
        try:
            return self[path]
        except KeyError:
            raise Absent(path) from None


def entry(index: int) -> bytes:
    return f"entry {index}\n".encode()


def log_of(size: int, start: int = 0) -> tuple[Objects, Tree, bytes]:
    """Make a log of `size` entries: its objects, its tree, its signed checkpoint."""
    growth = Edge().grow(entry(start + index) for index in range(size))
    head = Checkpoint(ORIGIN, size, growth.edge.root)
    objects = Objects(growth.objects)
    return objects, Tree(objects, head), sign_note(head.text, [LOG], AT).encode()


def cosigned(note: bytes, *names: str) -> bytes:
    parsed = Note.parse(note)
    keys = [WITNESSES[name] for name in names]
    return parsed.add(sign_note(parsed.text, keys, AT).signatures).encode() if keys else note


def notes() -> object:
    text = "A tocsin warns a whole town.\n\nOf fire, or of worse — at any hour.\n"
    good = sign_note(text, [LOG], AT)
    line = good.signatures[0].line
    flipped = good.signatures[0].blob[:-1] + bytes([good.signatures[0].blob[-1] ^ 1])
    forged = Signature(ORIGIN, LOG.verifier.id, flipped)
    unknown = Signature(ORIGIN, b"\1\2\3\4", bytes(64))
    namesake = Signature("other.example/log", LOG.verifier.id, bytes(64))
    cosignature = sign_note(text, [WITNESSES["civil"]], AT)
    vkey = str(LOG.verifier)
    return {
        "valid": [
            {
                "name": "the example of x/mod's sumdb/note",
                "source": "golang.org/x/mod/sumdb/note",
                "skey": "PRIVATE+KEY+PeterNeumann+c74f20a3+"
                "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
                "vkey": "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                "text": "If you think cryptography is the answer to your problem,\n"
                "then you don't know what your problem is.\n",
                "note": "If you think cryptography is the answer to your problem,\n"
                "then you don't know what your problem is.\n\n"
                "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuG"
                "UgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
            },
            {
                "name": "text with an empty line of its own",
                "skey": LOG.secret_text(),
                "vkey": vkey,
                "text": text,
                "note": good.encode().decode(),
            },
            {
                "name": "a cosignature with its time",
                "skey": WITNESSES["civil"].secret_text(),
                "vkey": str(WITNESSES["civil"].verifier),
                "text": text,
                "note": cosignature.encode().decode(),
                "time": int(AT.timestamp()),
            },
            {
                "name": "signatures of unknown keys are ignored, by id and by name",
                "vkey": vkey,
                "text": text,
                "note": Note(text, (unknown, namesake, *good.signatures)).encode().decode(),
            },
        ],
        "invalid": [
            {"fault": fault, "vkey": vkey, "note": note, "error": error}
            for fault, note, error in (
                (
                    "no signature by a known key",
                    Note(text, (unknown,)).encode().decode(),
                    "Unverified",
                ),
                (
                    "a known key's signature fails",
                    Note(text, (forged,)).encode().decode(),
                    "Forged",
                ),
                (
                    "a known key's signature fails beside one that verifies",
                    Note(text, (*good.signatures, forged)).encode().decode(),
                    "Forged",
                ),
                ("text altered", good.encode().decode().replace("whole", "small"), "Forged"),
                ("no empty line", text.replace("\n\n", "\n") + line, "Malformed"),
                ("no signature line", text + "\n", "Malformed"),
                ("no final newline", good.encode().decode()[:-1], "Malformed"),
                ("a hyphen for the dash", f"{text}\n-{line[1:]}", "Malformed"),
                ("two spaces", f"{text}\n{line.replace(' ', '  ', 1)}", "Malformed"),
                ("carriage return", f"{text}\n{line[:-1]}\r\n", "Malformed"),
                ("tab in the text", f"a\tb\n\n{line}", "Malformed"),
                (
                    "plus in the name",
                    f"{text}\n{line.replace('.example', '+example')}",
                    "Malformed",
                ),
                (
                    "base64 without padding",
                    f"{text}\n{line.rstrip()[:-1]}\n",
                    "Malformed",
                ),
                ("base64 with loose bits", f"{text}\n— a.example AAAAAAB=\n", "Malformed"),
                ("a signature of the id alone", f"{text}\n— a.example AAAAAA==\n", "Malformed"),
                ("101 signatures", f"{text}\n{line * 101}", "Malformed"),
            )
        ],
    }


def checkpoints() -> object:
    root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    origin, size = "example.com/behind-the-sofa", "20852163"
    return {
        "valid": [
            {
                "name": "the example of C2SP tlog-checkpoint",
                "text": f"{origin}\n{size}\n{root}\n",
                "origin": origin,
                "size": 20852163,
                "root": "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62",
            },
            {
                "name": "the empty tree",
                "text": Checkpoint(ORIGIN, 0, bytes.fromhex(CT_ROOTS[0])).text,
                "origin": ORIGIN,
                "size": 0,
                "root": CT_ROOTS[0],
            },
            {
                "name": "the largest tree",
                "text": f"{origin}\n9223372036854775807\n{root}\n",
                "origin": origin,
                "size": 2**63 - 1,
                "root": "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62",
            },
        ],
        "invalid": [
            {"fault": "empty", "text": ""},
            {"fault": "no origin", "text": f"\n{size}\n{root}\n"},
            {"fault": "origin of 256 bytes", "text": f"{'a' * 256}\n{size}\n{root}\n"},
            {"fault": "leading zero", "text": f"{origin}\n0{size}\n{root}\n"},
            {"fault": "plus sign", "text": f"{origin}\n+{size}\n{root}\n"},
            {"fault": "negative", "text": f"{origin}\n-1\n{root}\n"},
            {"fault": "size beyond 63 bits", "text": f"{origin}\n9223372036854775808\n{root}\n"},
            {"fault": "digits of another script", "text": f"{origin}\n\u0663\n{root}\n"},
            {"fault": "short root", "text": f"{origin}\n{size}\nAAAA\n"},
            {"fault": "root without padding", "text": f"{origin}\n{size}\n{root[:-1]}\n"},
            {"fault": "root with loose bits", "text": f"{origin}\n{size}\n{root[:-2]}J=\n"},
            {"fault": "no final newline", "text": f"{origin}\n{size}\n{root}"},
            {"fault": "an empty line", "text": f"{origin}\n{size}\n{root}\n\n"},
            {"fault": "an extension line", "text": f"{origin}\n{size}\n{root}\nmore\n"},
            {"fault": "an empty tree with entries", "text": f"{origin}\n0\n{root}\n"},
        ],
    }


def merkle() -> object:
    tree = log_of(300)[1]
    inclusions = [
        (0, 1),
        (0, 2),
        (1, 3),
        (6, 7),
        (0, 8),
        (7, 8),
        (255, 256),
        (256, 257),
        (100, 300),
    ]
    consistencies = [(1, 2), (2, 3), (4, 7), (7, 8), (8, 300), (255, 257), (256, 300), (299, 300)]
    return {
        "reference": {
            "source": "certificate-transparency, merkletree/merkle_tree_test",
            "leaves": CT_LEAVES,
            "roots": CT_ROOTS,
        },
        "inclusion": [
            {
                "index": index,
                "size": size,
                "entry": entry(index).hex(),
                "root": tree.root_at(size).hex(),
                "path": [one.hex() for one in log_of(size)[1].inclusion(index)],
            }
            for index, size in inclusions
        ],
        "consistency": [
            {
                "old": old,
                "old_root": tree.root_at(old).hex(),
                "new": new,
                "new_root": tree.root_at(new).hex(),
                "path": [one.hex() for one in log_of(new)[1].consistency(old)],
            }
            for old, new in consistencies
        ],
    }


def tiles() -> object:
    named = [
        (0, 0, 256),
        (0, 1_234_067, 256),
        (0, 1_234_067, 3),
        (5, 999, 255),
        (63, 1000, 1),
        (BUNDLE, 7, 256),
        (BUNDLE, 1_234_067, 9),
    ]
    return {
        "paths": [
            {
                "level": "entries" if level == BUNDLE else level,
                "index": index,
                "width": width,
                "path": Tile(level, index, width).path,
            }
            for level, index, width in named
        ],
        "invalid": [
            "",
            "tile/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001/x002",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p",
            "tile/entries/000.p/1/",
            "/tile/0/000",
            "tile/8/0/000",
            "tile/data/000",
            "tile/0/\u0660\u0660\u0660",
            "tile/0/000\n",
        ],
        "trees": [
            {
                "size": size,
                "full": {
                    str(level): sum(1 for tile in tiles_of(level, size) if not tile.partial)
                    for level in levels_of(size)
                },
                "partial": [
                    tile.path
                    for level in (BUNDLE, *levels_of(size))
                    for tile in tiles_of(level, size)
                    if tile.partial
                ],
            }
            for size in (0, 1, 255, 256, 257, 65_536, 70_000)
        ],
    }


def bundles() -> object:
    several = [b"", b"a", b"\0" * 300]
    return {
        "valid": [
            {"entries": [one.hex() for one in case], "bundle": encode_bundle(case).hex()}
            for case in ([b"a"], several, [entry(index) for index in range(3)])
        ],
        "invalid": [
            {"fault": "cut in an entry", "count": 1, "bundle": "000361"},
            {"fault": "cut in a length", "count": 2, "bundle": "00016100"},
            {"fault": "one entry more", "count": 1, "bundle": "0001610001"},
            {"fault": "one entry less", "count": 2, "bundle": "000161"},
            {"fault": "empty", "count": 1, "bundle": ""},
        ],
    }


def whole_log() -> object:
    steps, tree = [], CompactRange()
    for size in range(max(SIZES) + 1):
        if size in SIZES:
            head = Checkpoint(ORIGIN, size, tree.root())
            note = sign_note(head.text, [LOG], AT).encode().decode()
            objects = log_of(size)[0]
            paths = [
                tile_at(level, tile.index, size).path
                for level in (BUNDLE, *levels_of(size))
                for tile in tiles_of(level, size)
            ]
            steps.append(
                {
                    "size": size,
                    "checkpoint": note,
                    "sha256": {path: sha256(objects[path]).hexdigest() for path in paths},
                }
            )
        tree.push(leaf_hash(entry(size)))
    return {
        "about": "entry i is the text `entry <i>` and a newline; each step is the whole log",
        "skey": LOG.secret_text(),
        "vkey": str(LOG.verifier),
        "steps": steps,
    }


def policies() -> object:
    witness = "".join(f"witness {name} {one.verifier}\n" for name, one in WITNESSES.items())
    log = f"log {LOG.verifier}\n"
    nested = (
        f"# two of three who are not the state, and somebody of the whole\n\n{log}{witness}"
        "group outside 2\tplatform university civil\n"
        "group somebody any state outside \n"
        "quorum somebody\n"
    )
    flat = f"{log}{witness}group two 2 platform university civil state\nquorum two\n"
    return {
        "valid": [
            {
                "policy": policy,
                "note": cosigned(log_of(3)[2], *names).decode(),
                "satisfied": satisfied,
            }
            for policy, names, satisfied in (
                (f"{log}quorum none\n", (), True),
                (f"{log}{witness}quorum civil\n", (), False),
                (f"{log}{witness}quorum civil\n", ("state",), False),
                (f"{log}{witness}quorum civil\n", ("civil", "state"), True),
                (flat, ("civil",), False),
                (flat, ("civil", "platform"), True),
                (nested, ("civil",), False),
                (nested, ("state",), True),
                (nested, ("civil", "university"), True),
                (f"log {OTHER.verifier}\nquorum none\n", (), False),
                ("quorum none\n", (), False),
            )
        ],
        "invalid": [
            {"fault": fault, "policy": policy}
            for fault, policy in (
                ("empty", ""),
                ("no quorum", log),
                ("two quorums", f"{log}quorum none\nquorum none\n"),
                ("no final newline", f"{log}quorum none"),
                ("unknown word", f"{log}mirror x\nquorum none\n"),
                ("quorum of a name not defined", f"{log}quorum civil\n"),
                ("quorum before its witness", f"{log}quorum civil\n{witness}"),
                ("a group that cannot be satisfied", f"{witness}group g 5 civil state\nquorum g\n"),
                ("a group of nobody", f"{witness}group g any\nquorum g\n"),
                ("a threshold of zero", f"{witness}group g 0 civil\nquorum g\n"),
                ("a member twice", f"{witness}group g 2 civil civil\nquorum g\n"),
                (
                    "a member of two groups",
                    f"{witness}group g any civil\ngroup h any civil\nquorum g\n",
                ),
                ("none as a member", f"{witness}group g any none\nquorum g\n"),
                (
                    "none as a name",
                    f"{log}witness none {WITNESSES['civil'].verifier}\nquorum none\n",
                ),
                ("a name twice", f"{witness}group civil any state\nquorum civil\n"),
                (
                    "one key under two names",
                    f"{witness}witness twin {WITNESSES['civil'].verifier}\nquorum twin\n",
                ),
                ("a witness key as log", f"log {WITNESSES['civil'].verifier}\nquorum none\n"),
                ("a log key as witness", f"witness w {LOG.verifier}\nquorum w\n"),
                ("carriage return", f"{log}quorum none\r\n"),
            )
        ],
    }


def receipts() -> object:
    _, tree, note = log_of(300)
    policy = (
        f"log {LOG.verifier}\nwitness civil {WITNESSES['civil'].verifier}\n"
        f"witness state {WITNESSES['state'].verifier}\ngroup two all civil state\nquorum two\n"
    )
    full = cosigned(note, "civil", "state")
    good = prove(tree, 257, open_checkpoint(full, [LOG.verifier]))
    text = good.encode().decode()

    def bad(fault: str, receipt: str, error: str, index: int = 257) -> dict[str, str]:
        return {"fault": fault, "entry": entry(index).hex(), "receipt": receipt, "error": error}

    lines = text.split("\n")
    return {
        "policy": policy,
        "valid": [
            {"entry": entry(257).hex(), "receipt": text, "size": 300},
            {
                "entry": entry(257).hex(),
                "receipt": Proof(good.index, good.path, good.checkpoint, b"anything")
                .encode()
                .decode(),
                "size": 300,
            },
        ],
        "invalid": [
            bad("another entry", text, "Forged", 258),
            bad("another index", text.replace("index 257", "index 258"), "Forged"),
            bad("an index beyond the tree", text.replace("index 257", "index 300"), "Forged"),
            bad("a hash missing", "\n".join(lines[:2] + lines[3:]), "Forged"),
            bad("a hash twice", "\n".join(lines[:3] + lines[2:]), "Forged"),
            bad(
                "hashes exchanged",
                "\n".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
                "Forged",
            ),
            bad("too few cosignatures", text.replace(lines[-2] + "\n", ""), "Unverified"),
            bad("another version", text.replace("@v1", "@v2"), "Malformed"),
            bad(
                "an index with a leading zero", text.replace("index 257", "index 0257"), "Malformed"
            ),
            bad("no index", text.replace("index 257\n", ""), "Malformed"),
            bad("no checkpoint", text.split("\n\n")[0] + "\n", "Malformed"),
        ],
    }


def witness() -> object:
    small, large, fork = log_of(7), log_of(300), log_of(300, start=1000)
    alien = sign_note(log_of(7)[1].head.text.replace(ORIGIN, "other.example/log"), [OTHER], AT)
    unsigned = Note.parse(small[2])
    stranger = Note(unsigned.text, (Signature(ORIGIN, b"abcd", bytes(64)),)).encode()

    def ask(old: int, path: tuple[bytes, ...], note: bytes) -> str:
        return encode_advance(old, path, note).decode()

    proof = large[1].consistency(7)
    steps = [
        ("not a request", "hello\n", 400, None),
        (
            "an old size with a leading zero",
            ask(0, (), small[2]).replace("old 0", "old 00"),
            400,
            None,
        ),
        ("64 lines of proof", ask(0, (bytes(32),) * 64, small[2]), 400, None),
        ("a log that is not known", ask(0, (), alien.encode()), 404, None),
        ("no signature by a known key", ask(0, (), stranger), 403, None),
        ("a proof from the empty tree", ask(0, (bytes(32),), small[2]), 422, None),
        ("the first checkpoint", ask(0, (), small[2]), 200, None),
        ("an old size that does not match", ask(0, (), large[2]), 409, 7),
        ("an old size larger than the checkpoint", ask(8, (), small[2]), 400, None),
        ("the same checkpoint again", ask(7, (), small[2]), 200, None),
        ("the same size with a needless proof", ask(7, (bytes(32),), small[2]), 422, None),
        ("a proof with a hash missing", ask(7, proof[:-1], large[2]), 422, None),
        ("a fork", ask(7, fork[1].consistency(7), fork[2]), 422, None),
        ("a larger checkpoint", ask(7, proof, large[2]), 200, None),
        ("another root of the same size", ask(300, (), fork[2]), 409, 300),
        ("back to the smaller one", ask(7, (), small[2]), 409, 300),
    ]
    return {
        "about": "requests to one witness, in this order; size is the body of a 409",
        "log": str(LOG.verifier),
        "steps": [
            {"name": name, "body": body, "status": status, "size": size}
            for name, body, status, size in steps
        ],
    }


ALL = {
    "notes": notes,
    "checkpoints": checkpoints,
    "merkle": merkle,
    "tiles": tiles,
    "bundles": bundles,
    "log": whole_log,
    "policies": policies,
    "receipts": receipts,
    "witness": witness,
}
"""What makes each file."""


def main() -> None:
    for name, make in ALL.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
