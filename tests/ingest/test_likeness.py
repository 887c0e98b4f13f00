"""A near copy of a picture is known by its hash, and another page is not taken for it."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from ingest.likeness import distance, perceptual_hash


def scan(seed: int) -> Image.Image:
    """A page with blocks of grey where paragraphs, stamps and a photo would be."""
    random = np.random.default_rng(seed)
    page = np.full((1170, 827), 245.0)
    for _ in range(25):
        top, left = random.integers(0, 1050), random.integers(0, 650)
        page[top : top + random.integers(20, 200), left : left + random.integers(40, 400)] = random.integers(40, 200)
    return Image.fromarray(np.clip(page + random.normal(0, 4, page.shape), 0, 255).astype("uint8"))


def _recompressed(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=20)
    return Image.open(out)


@pytest.mark.parametrize(
    "copied",
    [
        lambda image: image.resize((400, 566)),
        _recompressed,
        lambda image: ImageEnhance.Brightness(image).enhance(0.85),
        lambda image: image.rotate(0.3, fillcolor=245),
        lambda image: image.convert("RGB"),
    ],
)
@pytest.mark.parametrize("seed", range(8))
def test_a_copy_differs_in_few_bits(seed: int, copied: Callable[[Image.Image], Image.Image]) -> None:
    assert distance(perceptual_hash(scan(seed)), perceptual_hash(copied(scan(seed)))) <= 8


def test_other_pages_differ_in_many_bits() -> None:
    hashes = [perceptual_hash(scan(seed)) for seed in range(40)]
    apart = [distance(one, other) for place, one in enumerate(hashes) for other in hashes[:place]]
    assert min(apart) > 8
    assert 24 < sum(apart) / len(apart) < 40


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 80), height=st.integers(1, 80), mode=st.sampled_from(["1", "L", "RGB", "CMYK"]))
def test_any_picture_has_a_hash_of_64_bits(width: int, height: int, mode: str) -> None:
    assert 0 <= perceptual_hash(Image.new(mode, (width, height))) < 1 << 64
