"""What of an image file goes into a shard: its bytes as they are, or the image as an RGB JPEG.

A file is taken for what its contents say, whatever its name. A JPEG that TensorFlow decodes, RGB or
grayscale, baseline or progressive, is stored untouched, as in 2018. Anything else that is an image
is decoded and stored as a JPEG. Every image is decoded, so that training meets none it cannot read.
"""

import io
import re
import warnings
from typing import NamedTuple

import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

# As Pillow calls them. Others that it knows are left out on purpose: EPS starts another program.
FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF')
JPEG_FORMATS = ('JPEG', 'MPO')  # MPO is a JPEG with more pictures behind the first.
# High enough that another decoding is not to be told from the first, and every pixel has a colour.
QUALITY, SUBSAMPLING = 95, 0

# How files of the commonest formats begin.
JPEG_START = b'\xff\xd8\xff'
SIGNATURES = (JPEG_START, b'\x89PNG\r\n', b'GIF8', b'II*\x00', b'MM\x00*')

ORIENTATION = 0x0112  # the EXIF tag
END_OF_IMAGE = b'\xff\xd9'
# In the data behind a segment, 0xff is a marker unless one of these follows.
MARKER = re.compile(rb'\xff+[^\x00\xd0-\xd7\xff]')
# Baseline, extended and progressive, all with Huffman codes: what TensorFlow's decoder knows.
STORED_FRAMES = b'\xc0\xc1\xc2'
OTHER_FRAMES = b'\xc3\xc5\xc6\xc7\xc9\xca\xcb\xcd\xce\xcf'
STORED_COLORSPACES = ('YCbCr', 'Gray', 'RGB')  # as simplejpeg calls them
# An eighth of each side, the least there is. Without a height and a width the factor means nothing.
SMALLEST = {'min_factor': 8, 'min_height': 1, 'min_width': 1}


class BadImage(ValueError):
    """A file that is no image, or is damaged: `problem` in a word or two, and the sentence."""

    def __init__(self, problem: str, detail: str):
        super().__init__(detail)
        self.problem = problem


class StoredImage(NamedTuple):
    """What goes into a shard.

    Attributes:
      encoded: a JPEG, RGB or grayscale.
      height: in pixels, as stored: a rotation noted in EXIF is not counted.
      width: likewise.
      is_untouched: whether these are the bytes of the file.
    """

    encoded: bytes
    height: int
    width: int
    is_untouched: bool


def to_store(content: bytes, apply_exif_rotation: bool = False) -> StoredImage:
    """Decodes an image file and gives what is to be stored of it.

    Args:
      content: of the file.
      apply_exif_rotation: whether to store an image upright that EXIF says is not. Its JPEG is
        encoded anew then; by default EXIF means nothing, as in 2018. (TIFF's own orientation does.)

    Returns:
      A `StoredImage`. Equal contents give equal bytes.

    Raises:
      BadImage: if there is no image in it, or only a part of one.
    """
    if not content:
        raise BadImage('empty', 'is empty')
    # Most files are sound JPEGs. Whatever is odd about one is left to Pillow to judge and to name.
    if not apply_exif_rotation and (size := _size_if_sound(content)):
        return StoredImage(content, *size, is_untouched=True)
    with warnings.catch_warnings():
        # Of odd EXIF data and the like, which training never looks at.
        warnings.filterwarnings('ignore', module='PIL')
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _to_store(image, content, apply_exif_rotation)
        except UnidentifiedImageError as error:
            raise _not_an_image(content) from error
        except Image.DecompressionBombError as error:
            raise BadImage('too large', f'is too large an image: {error}') from error
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError) as error:
            if isinstance(error, BadImage):
                raise
            raise BadImage('damaged', f'is truncated or damaged ({error})') from error


def _size_if_sound(content):
    """Height and width of a JPEG that can be stored as it is and has nothing odd; else None.

    All of the file has to be read and its codes to be understood, which shows what is missing; an
    eighth of the size and no colours spare most of what follows that.
    """
    if not (content.startswith(JPEG_START) and content.endswith(END_OF_IMAGE)):
        return None
    try:
        # Strict: what libjpeg would warn of is an error.
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(content)
        if colorspace not in STORED_COLORSPACES or _frame(content) not in STORED_FRAMES:
            return None
        if height * width > (Image.MAX_IMAGE_PIXELS or 0):
            return None
        simplejpeg.decode_jpeg(content, 'GRAY', fastdct=True, **SMALLEST)
    except (ValueError, KeyError):  # KeyError: of a subsampling that it has no name for, 4:4:1.
        return None
    return height, width


def _to_store(image, content, apply_exif_rotation):
    width, height = image.size
    is_jpeg = image.format in JPEG_FORMATS
    turned = apply_exif_rotation and image.getexif().get(ORIENTATION, 1) != 1
    if is_jpeg and not turned and image.mode in ('RGB', 'L') and _frame(content) in STORED_FRAMES:
        image.draft('L', (1, 1))  # See `_size_if_sound`.
        image.load()
        _check_end(content)
        return StoredImage(content, height, width, is_untouched=True)
    image.load()
    if is_jpeg:
        _check_end(content)
    upright = ImageOps.exif_transpose(image) if turned else image
    file = io.BytesIO()
    _to_rgb(upright).save(file, 'JPEG', quality=QUALITY, subsampling=SUBSAMPLING)
    return StoredImage(file.getvalue(), upright.height, upright.width, is_untouched=False)


def _to_rgb(image):
    """An image of any mode in RGB with 8 bits; what is transparent becomes white."""
    if image.mode == 'F':
        raise BadImage('not 8 or 16 bits', 'has floating-point pixels, whose range nothing tells')
    if image.mode.startswith('I'):  # Integers of 16 or 32 bits.
        image = image.convert('I')
        least, most = image.getextrema()
        if least < 0 or most > 65535:
            raise BadImage('not 8 or 16 bits', f'has pixels from {least} to {most}')
        return image.point(lambda value: value * (1 / 257) + 0.5).convert('L').convert('RGB')
    if image.has_transparency_data:
        image = image.convert('RGBA')
        white = Image.new('RGBA', image.size, 'white')
        return Image.alpha_composite(white, image).convert('RGB')
    return image.convert('RGB')


def _not_an_image(content):
    """What to say of a file in which Pillow finds no image."""
    if content.startswith(SIGNATURES):
        return BadImage('damaged', 'is truncated or damaged (its header is not whole)')
    start = content[:1024].lstrip().lower()
    if start.startswith((b'<!doctype html', b'<html', b'<head', b'<?xml')):
        return BadImage('a web page', 'is a web page, not an image: a download that failed?')
    kinds = ', '.join(FORMATS)
    return BadImage('not an image', f'is not an image of a kind that can be read ({kinds})')


def _frame(encoded):
    """The marker of a JPEG's frame, a byte: how it is coded. Empty if there is none."""
    position = 2  # behind the marker that starts the image
    while marker := MARKER.search(encoded, position):
        kind = marker.group()[-1:]
        if kind in STORED_FRAMES + OTHER_FRAMES:
            return kind
        position = _behind_segment(encoded, marker)
    return b'?'


def _check_end(encoded):
    """Refuses a JPEG that lacks its end marker; behind it there may be anything.

    Pillow forgives a file that is cut off just before that marker; TensorFlow does not.
    """
    if encoded.endswith(END_OF_IMAGE):
        return
    position = 2
    while marker := MARKER.search(encoded, position):
        if marker.group().endswith(END_OF_IMAGE):
            return
        # Segments hold anything, an end marker of a thumbnail for one: on to the next.
        position = _behind_segment(encoded, marker)
    raise BadImage('damaged', 'is truncated or damaged (its end is missing)')


def _behind_segment(encoded, marker):
    """Where the segment ends that a match of MARKER begins."""
    length = int.from_bytes(encoded[marker.end() : marker.end() + 2], 'big')
    return marker.end() + length
