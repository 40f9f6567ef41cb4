import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim.datasets import images
from slim.datasets.images import BadImage, to_store

HEIGHT, WIDTH = 30, 40
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
# Smooth, so that a JPEG of it is similar.
SMOOTH = np.stack(np.meshgrid(np.linspace(0, 255, WIDTH), np.linspace(0, 255, HEIGHT)), -1)
SMOOTH = np.concatenate([SMOOTH, SMOOTH[..., :1]], -1).astype(np.uint8)
ORIENTATION = 0x0112


def encode(image, kind='JPEG', **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg(pixels=PIXELS, mode='RGB', **options):
    return encode(Image.fromarray(pixels).convert(mode), **options)


def rotated_exif(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def decoded(stored):
    """Decodes a stored image with TensorFlow, which reads it later."""
    pixels = tf.io.decode_jpeg(stored.encoded, channels=3).numpy()
    assert pixels.shape == (stored.height, stored.width, 3)
    return pixels.astype(int)


def jpeg_441():
    """Returns a JPEG with 4:4:1 subsampling in height, which Pillow cannot write."""
    content = jpeg(np.full_like(PIXELS, 128))
    sampling, data = content.index(b'\xff\xc0') + 11, content.index(b'\xff\xda') + 14
    # Five rows of 40 pixels with six blocks each, all of whose codes mean no change.
    codes = bytes.fromhex('28a28a00') * 5
    return content[:sampling] + b'\x14' + content[sampling + 1 : data] + codes + b'\xff\xd9'


UNTOUCHED = {
    'baseline': jpeg(),
    'progressive': jpeg(progressive=True),
    'grayscale': jpeg(mode='L'),
    'progressive grayscale': jpeg(mode='L', progressive=True),
    'subsampled': jpeg(subsampling=2),
    'subsampled in height alone': jpeg_441(),
    'with a rotation in EXIF': jpeg(exif=rotated_exif(6)),
    'with a thumbnail': jpeg(comment=jpeg(quality=20)),
    'with data after its end': jpeg() + b'something \xff\xda',
    'stored as RGB': jpeg(keep_rgb=True),
    'restart markers': jpeg(restart_marker_blocks=1),
    'several pictures': encode(
        Image.fromarray(PIXELS), 'MPO', save_all=True, append_images=[Image.fromarray(SMOOTH)]
    ),
}


@pytest.mark.parametrize('name', UNTOUCHED)
def test_jpegs_are_stored_untouched(name):
    stored = to_store(UNTOUCHED[name])
    assert stored == (UNTOUCHED[name], HEIGHT, WIDTH, True)
    decoded(stored)


def with_alpha():
    pixels = np.dstack([SMOOTH, np.full((HEIGHT, WIDTH), 255, np.uint8)])
    pixels[:, WIDTH // 2 :, 3] = 0  # The right half is transparent.
    return Image.fromarray(pixels, 'RGBA')


WITH_WHITE = SMOOTH.copy()
WITH_WHITE[:, WIDTH // 2 :] = 255
GRAY = SMOOTH[..., 0]
AS_GRAY = np.repeat(GRAY[..., None], 3, axis=2)
PALETTE = Image.fromarray(SMOOTH).quantize(64)
FRAMES = [Image.fromarray(frame) for frame in (SMOOTH, SMOOTH[::-1].copy())]
CMYK = Image.fromarray(SMOOTH).convert('CMYK')

# kind -> (file, expected pixels)
REENCODED = {
    'png': (encode(Image.fromarray(SMOOTH), 'PNG'), SMOOTH),
    'gray png': (encode(Image.fromarray(GRAY), 'PNG'), AS_GRAY),
    'palette png': (encode(PALETTE, 'PNG'), np.asarray(PALETTE.convert('RGB'))),
    'one-bit png': (
        encode(Image.fromarray(GRAY > 99), 'PNG'),
        np.where(AS_GRAY > 99, 255, 0),
    ),
    'transparent png': (encode(with_alpha(), 'PNG'), WITH_WHITE),
    '16-bit png': (encode(Image.fromarray(GRAY.astype(np.uint16) * 257), 'PNG'), AS_GRAY),
    '16-bit tiff': (encode(Image.fromarray(GRAY.astype(np.uint16) * 257), 'TIFF'), AS_GRAY),
    'tiff': (encode(Image.fromarray(SMOOTH), 'TIFF'), SMOOTH),
    'compressed tiff': (encode(Image.fromarray(SMOOTH), 'TIFF', compression='tiff_lzw'), SMOOTH),
    'webp': (encode(Image.fromarray(SMOOTH), 'WEBP', lossless=True), SMOOTH),
    'transparent webp': (encode(with_alpha(), 'WEBP', lossless=True), WITH_WHITE),
    'bmp': (encode(Image.fromarray(SMOOTH), 'BMP'), SMOOTH),
    'animated gif': (
        encode(FRAMES[0], 'GIF', save_all=True, append_images=FRAMES[1:]),
        np.asarray(FRAMES[0].quantize(256).convert('RGB')),
    ),
    'cmyk jpeg': (encode(CMYK, quality=95), SMOOTH),
}


@pytest.mark.parametrize('name', REENCODED)
def test_other_images_are_stored_as_rgb_jpeg(name):
    content, wanted = REENCODED[name]
    stored = to_store(content)
    assert stored[1:] == (HEIGHT, WIDTH, False)
    assert stored.encoded.startswith(b'\xff\xd8') and Image.open(io.BytesIO(stored.encoded))
    difference = np.abs(decoded(stored) - wanted)
    # A JPEG has artefacts at edges, such as those to white.
    assert difference.mean() < 6 and np.median(difference) <= 3
    assert to_store(content) == stored


@pytest.mark.parametrize('arithmetic', [b'\xc9', b'\xca'])
def test_a_jpeg_that_tensorflow_cannot_decode_is_not_stored_untouched(arithmetic):
    # The header announces arithmetic codes; the data are Huffman codes, so it is damaged, too.
    content = jpeg().replace(b'\xff\xc0', b'\xff' + arithmetic, 1)
    try:
        stored = to_store(content)
    except BadImage:
        return
    assert not stored.is_untouched
    decoded(stored)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_rotation_in_exif_is_applied_on_request(kind, orientation):
    options = {'quality': 95} if kind == 'JPEG' else {}
    image = Image.fromarray(SMOOTH)
    content = encode(image, kind, exif=rotated_exif(orientation), **options)
    as_stored, upright = to_store(content), to_store(content, apply_exif_rotation=True)
    assert (as_stored.height, as_stored.width) == (HEIGHT, WIDTH)
    pixels = decoded(to_store(content))
    wanted = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels.transpose(1, 0, 2)[:, ::-1],
        7: pixels.transpose(1, 0, 2)[::-1, ::-1],
        8: pixels.transpose(1, 0, 2)[::-1],
    }[orientation]
    assert upright.is_untouched == (kind == 'JPEG' and orientation == 1)
    assert np.abs(decoded(upright) - wanted).mean() < 4
    # Applying it again changes nothing.
    assert to_store(upright.encoded, apply_exif_rotation=True).encoded == upright.encoded


def test_a_tiff_is_always_stored_upright():
    content = encode(Image.fromarray(SMOOTH), 'TIFF', exif=rotated_exif(6))
    for apply_exif_rotation in (False, True):
        stored = to_store(content, apply_exif_rotation)
        wanted = SMOOTH.transpose(1, 0, 2)[:, ::-1]
        assert np.abs(decoded(stored) - wanted).mean() < 4


FLOATS = encode(Image.fromarray(np.zeros((4, 4), np.float32)), 'TIFF')
DEEP = encode(Image.fromarray(np.full((4, 4), 70000, np.int32)), 'TIFF')
BAD = {
    'empty': (b'', 'empty', 'is empty'),
    'a web page': (b'\n<!DOCTYPE html><html>404</html>', 'a web page', 'is a web page'),
    'text': (b'no image at all', 'not an image', 'is not an image in a supported format'),
    'zeros': (bytes(10000), 'not an image', 'is not an image in a supported format'),
    'eps': (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n', 'not an image', 'JPEG, PNG'),
    'jpeg, its header': (jpeg()[:20], 'damaged', 'is truncated or damaged'),
    'jpeg, half': (jpeg()[: len(jpeg()) // 2], 'damaged', 'is truncated or damaged'),
    'progressive, half': (
        jpeg(progressive=True)[: len(jpeg(progressive=True)) // 2],
        'damaged',
        'is truncated or damaged',
    ),
    'jpeg without its end': (jpeg()[:-2], 'damaged', 'is truncated or damaged'),
    'cmyk jpeg, half': (jpeg(mode='CMYK')[:900], 'damaged', 'is truncated or damaged'),
    'png, half': (encode(Image.fromarray(PIXELS), 'PNG')[:1500], 'damaged', 'damaged'),
    'webp, half': (encode(Image.fromarray(PIXELS), 'WEBP')[:500], 'damaged', 'damaged'),
    'gif, half': (encode(Image.fromarray(PIXELS), 'GIF')[:900], 'damaged', 'damaged'),
    'tiff, half': (encode(Image.fromarray(PIXELS), 'TIFF')[:900], 'damaged', 'damaged'),
    'bmp, half': (encode(Image.fromarray(PIXELS), 'BMP')[:900], 'damaged', 'damaged'),
    'floating point': (FLOATS, 'not 8 or 16 bits', 'floating-point'),
    '32 bits': (DEEP, 'not 8 or 16 bits', '70000'),
}


@pytest.mark.parametrize('name', BAD)
def test_files_that_are_not_complete_images_are_refused(name):
    content, problem, detail = BAD[name]
    with pytest.raises(BadImage) as caught:
        to_store(content)
    assert (caught.value.problem, detail in str(caught.value)) == (problem, True), caught.value


@pytest.mark.parametrize('cut', range(1, 8))
def test_accepted_files_decode_in_tensorflow(cut):
    for options in ({}, {'mode': 'L'}, {'progressive': True}):
        try:
            stored = to_store(jpeg(**options)[:-cut])
        except BadImage:
            continue
        decoded(stored)


def test_random_changes_raise_no_other_exception():
    """Images with random bytes are stored and decode in TensorFlow, or raise `BadImage`."""
    random = np.random.default_rng(0)
    contents = [UNTOUCHED[name] for name in ('baseline', 'progressive')]
    contents += [REENCODED[name][0] for name in ('png', 'webp', 'animated gif', 'tiff')]
    refused = 0
    for number in range(300):
        content = bytearray(contents[number % len(contents)])
        for place in random.integers(0, len(content), 3):
            content[place] = random.integers(256)
        try:
            stored = to_store(bytes(content))
        except BadImage:
            refused += 1
            continue
        decoded(stored)
    assert 0 < refused < 300


@pytest.mark.parametrize('options', [{}, {'comment': jpeg()}])  # an embedded JPEG has an end, too
def test_a_file_that_lacks_only_its_end_marker_is_refused(options):
    forgiven = 0
    for seed in range(20):
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        content = jpeg(pixels, quality=90, **options)
        assert to_store(content).is_untouched
        with pytest.raises(BadImage, match='is truncated or damaged') as caught:
            to_store(content[:-2])
        forgiven += 'end is missing' in str(caught.value)
    assert forgiven  # Pillow alone would accept at least one.


def test_an_enormous_image_is_refused(monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50)
    with pytest.raises(BadImage, match='is too large: ') as caught:
        images.to_store(jpeg())
    assert caught.value.problem == 'too large'
