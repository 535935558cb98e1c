import io

import numpy as np
import pdqhash
from PIL import Image

from tocsin.model import SignalType, Undecodable
from tocsin.sample import encode, picture
from tocsin.web.reading import read_exact, read_item


def test_the_exact_hash_is_that_of_pdqhash_on_the_same_pixels(served, seed):
    body = encode(picture(seed, (1500, 1000)), "JPEG", quality=90)
    pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))
    bits, quality = pdqhash.compute(pixels)
    signal = read_exact(served.node, body)
    assert (signal.value, signal.quality) == (np.packbits(bits).tobytes(), quality)


def test_what_cannot_be_decoded_is_an_outcome(served):
    assert isinstance(read_exact(served.node, b"text"), Undecodable)


def test_an_item_without_a_picture_has_its_file_hashes(served):
    assert [one.type for one in read_item(served.node, b"text")] == [
        SignalType.SHA256,
        SignalType.MD5,
    ]
