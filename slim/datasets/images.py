"""Checks image files and decides whether to store their bytes or the image re-encoded as RGB JPEG.

The format is recognised by the contents, whatever the file's name. A JPEG that TensorFlow decodes,
RGB or grayscale, baseline or progressive, is stored untouched, as by the original code. Any other
image is decoded and stored as a JPEG. Every image is decoded, so that training meets none that it
cannot read.
"""

import io
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple, cast

import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from slim.configs import ConversionConfig

# Pillow's names. Its other formats are excluded on purpose: EPS starts another program.
FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF')
JPEG_FORMATS = ('JPEG', 'MPO')  # MPO is a JPEG with more pictures after the first.
# High enough that a re-encoded image looks the same, and every pixel has a colour.
QUALITY, SUBSAMPLING = 95, 0

# First bytes of the most common formats.
JPEG_START = b'\xff\xd8\xff'
SIGNATURES = (JPEG_START, b'\x89PNG\r\n', b'GIF8', b'II*\x00', b'MM\x00*')

ORIENTATION = 0x0112  # the EXIF tag
END_OF_IMAGE = b'\xff\xd9'
# In the data after a segment, 0xff begins a marker unless one of these bytes follows.
MARKER = re.compile(rb'\xff+[^\x00\xd0-\xd7\xff]')
# Baseline, extended and progressive with Huffman codes: what TensorFlow's decoder supports.
STORED_FRAMES = b'\xc0\xc1\xc2'
OTHER_FRAMES = b'\xc3\xc5\xc6\xc7\xc9\xca\xcb\xcd\xce\xcf'
STORED_COLORSPACES = ('YCbCr', 'Gray', 'RGB')  # simplejpeg's names
# An eighth of each side, the smallest scale. The factor has no effect without a height and a width.
SMALLEST = {'min_factor': 8, 'min_height': 1, 'min_width': 1}


class BadImage(ValueError):
    """A file that is not an image, or is damaged.

    Attributes:
      problem: kind of the problem, see `problems.Problem`; the message is its `detail`.
    """

    def __init__(self, problem: str, detail: str):
        super().__init__(detail)
        self.problem = problem


class StoredImage(NamedTuple):
    """An image as it is stored in a shard.

    Attributes:
      encoded: contents of a JPEG, RGB or grayscale.
      height: height in pixels, as stored: an EXIF rotation is not taken into account.
      width: width in pixels, as stored.
      is_untouched: whether `encoded` are the bytes of the file.
    """

    encoded: bytes
    height: int
    width: int
    is_untouched: bool


def to_store(
    content: bytes, apply_exif_rotation: bool = ConversionConfig.apply_exif_rotation
) -> StoredImage:
    """Decodes an image file and returns what to store of it; equal contents give equal bytes.

    Args:
      content: contents of the file.
      apply_exif_rotation: whether to store an image upright that is rotated according to EXIF. Its
        JPEG is then re-encoded. By default EXIF is ignored, as by the original code. (The
        orientation of a TIFF is always applied.)

    Raises:
      BadImage: if the file is not a complete image.
    """
    if not content:
        raise BadImage('empty', 'is empty')
    # Most files are sound JPEGs. Pillow examines all others.
    if not apply_exif_rotation and (size := _size_if_sound(content)):
        return StoredImage(content, size[0], size[1], is_untouched=True)
    with warnings.catch_warnings():
        # Warnings about odd EXIF data and the like, which training never uses.
        warnings.filterwarnings('ignore', module='PIL')
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _to_store(image, content, apply_exif_rotation)
        except UnidentifiedImageError as error:
            raise _not_an_image(content) from error
        except Image.DecompressionBombError as error:
            raise BadImage('too large', f'is too large: {error}') from error
        except BadImage:
            raise
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError) as error:
            raise BadImage('damaged', f'is truncated or damaged ({error})') from error


def _size_if_sound(content: bytes) -> tuple[int, int] | None:
    """Returns height and width of a JPEG without any oddity that can be stored untouched, or None.

    To find missing data, all of the file must be read and its codes be parsed; an eighth of the
    size, without colours, avoids most of the other work.
    """
    if not (content.startswith(JPEG_START) and content.endswith(END_OF_IMAGE)):
        return None
    try:
        # Strict: libjpeg's warnings are errors.
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(content)
        if colorspace not in STORED_COLORSPACES or _frame_type(content) not in STORED_FRAMES:
            return None
        if height * width > (Image.MAX_IMAGE_PIXELS or 0):
            return None
        simplejpeg.decode_jpeg(content, 'GRAY', fastdct=True, **SMALLEST)
    except (ValueError, KeyError):  # KeyError: a subsampling without a name, 4:4:1.
        return None
    return height, width


def _to_store(image: Image.Image, content: bytes, apply_exif_rotation: bool) -> StoredImage:
    width, height = image.size
    is_jpeg = image.format in JPEG_FORMATS
    rotated = apply_exif_rotation and image.getexif().get(ORIENTATION, 1) != 1
    is_stored_type = image.mode in ('RGB', 'L') and _frame_type(content) in STORED_FRAMES
    if is_jpeg and not rotated and is_stored_type:
        image.draft('L', (1, 1))  # See `_size_if_sound`.
        image.load()
        _check_end(content)
        return StoredImage(content, height, width, is_untouched=True)
    image.load()
    if is_jpeg:
        _check_end(content)
    upright = ImageOps.exif_transpose(image) if rotated else image
    file = io.BytesIO()
    _to_rgb(upright).save(file, 'JPEG', quality=QUALITY, subsampling=SUBSAMPLING)
    return StoredImage(file.getvalue(), upright.height, upright.width, is_untouched=False)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Converts an image of any mode to RGB with 8 bits; transparent pixels become white."""
    if image.mode == 'F':
        raise BadImage('not 8 or 16 bits', 'has floating-point pixels of unknown range')
    if image.mode.startswith('I'):  # Integers of 16 or 32 bits.
        image = image.convert('I')
        low, high = cast(tuple[int, int], image.getextrema())  # It has one band.
        if low < 0 or high > 65535:
            raise BadImage('not 8 or 16 bits', f'has pixels from {low} to {high}')
        return image.point(lambda value: value * (1 / 257) + 0.5).convert('L').convert('RGB')
    if image.has_transparency_data:
        image = image.convert('RGBA')
        white = Image.new('RGBA', image.size, 'white')
        return Image.alpha_composite(white, image).convert('RGB')
    return image.convert('RGB')


def _not_an_image(content: bytes) -> BadImage:
    """Returns the error for a file in which Pillow finds no image."""
    if content.startswith(SIGNATURES):
        return BadImage('damaged', 'is truncated or damaged (its header is incomplete)')
    start = content[:1024].lstrip().lower()
    if start.startswith((b'<!doctype html', b'<html', b'<head', b'<?xml')):
        return BadImage('a web page', 'is a web page, not an image: a failed download?')
    formats = ', '.join(FORMATS)
    return BadImage('not an image', f'is not an image in a supported format ({formats})')


def _markers(encoded: bytes) -> Iterator[bytes]:
    """Yields the last byte of each marker of a JPEG after the first.

    The contents of segments are skipped: they may be anything, such as a thumbnail with markers.
    """
    position = 2
    while marker := MARKER.search(encoded, position):
        yield marker.group()[-1:]
        segment_length = int.from_bytes(encoded[marker.end() : marker.end() + 2], 'big')
        position = marker.end() + segment_length


def _frame_type(encoded: bytes) -> bytes:
    """Returns the marker of a JPEG's frame, which tells its coding; b'?' without a frame."""
    return next((kind for kind in _markers(encoded) if kind in STORED_FRAMES + OTHER_FRAMES), b'?')


def _check_end(encoded: bytes) -> None:
    """Raises `BadImage` for a JPEG without an end marker; anything may follow the marker.

    Pillow accepts a file that is truncated just before that marker; TensorFlow does not.
    """
    if not encoded.endswith(END_OF_IMAGE) and END_OF_IMAGE[-1:] not in _markers(encoded):
        raise BadImage('damaged', 'is truncated or damaged (its end is missing)')
