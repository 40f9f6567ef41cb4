"""Renders birds: a bird of a given species in a random pose in front of a random background.

Species differ only in their parameters (`bird_species.py`). Pose, size, position, light, perch,
occlusion and the individual's deviation in colour are random.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from PIL import Image, ImageFilter
from PIL.ImageDraw import Draw, ImageDraw

from slim.synthetic.bird_species import PALETTE, BirdSpecies, species
from slim.synthetic.scenery import background, draw_perch, occlude_with_leaves
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    Colours,
    Frame,
    blend,
    composite,
    draw_path,
    fill_disc,
    fill_polygon,
    jitter,
    polygon_mask,
    rgb,
    rotate,
    sample_palette,
    smooth_line,
    smooth_noise,
    smooth_outline,
    transparent_layer,
)

REVISION = 2  # to be raised whenever the same species is rendered differently
__all__ = ['REVISION', 'render', 'species']

PALE, DARK = (238, 232, 212), (34, 30, 30)


class _Pose(Frame):
    """Pose of one bird; its frame has x ahead, y up and a body of length 1."""

    def __init__(self, rng: Generator, bird: BirdSpecies, width: int, height: int) -> None:
        self.tilt = rng.uniform(-12, 34)
        self.facing = 1 if rng.random() < 0.5 else -1
        self.head_turn = rng.normal(-self.tilt * 0.6, 9)
        self.head_at = np.array([0.37, 0.27]) + rng.normal(0, (0.022, 0.03))
        self.head_size = 0.185 * bird.head
        self.tail_turn = rng.normal(-4, 10)
        self.wing_turn = rng.normal(0, 5)
        self.plumpness = bird.plumpness * np.exp(rng.normal(0, 0.06))
        # A long tail may leave the image, a body does not.
        reach = 1.15 + 0.45 * bird.tail_length
        self.scale = min(width / reach, height / 1.05) * rng.uniform(0.55, 0.95)
        ends = rotate([[0.6, 0.05], [-0.5 - 0.8 * bird.tail_length, -0.05]], self.tilt)
        middle = ends.mean(axis=0) * (self.facing, -1) * self.scale
        slack = 0.5 * np.maximum(0, (width - self.scale * reach, height - self.scale))
        self.origin = np.array([width, height]) / 2 - middle + slack * rng.uniform(-0.9, 0.9, 2)

    def body(self, points: ArrayLike) -> np.ndarray:
        """Maps points [n, 2] of the bird's frame to the canvas."""
        return rotate(points, self.tilt) * (self.facing, -1) * self.scale + self.origin

    def head(self, points: ArrayLike) -> np.ndarray:
        """Maps points [n, 2] of the head's frame (radius 1, beak along x) to the canvas."""
        return self.body(rotate(points, self.head_turn) * self.head_size + self.head_at)


def _silhouette(pose: _Pose) -> np.ndarray:
    plump = pose.plumpness
    around = np.radians([158, 122, 84, 42, 4, -38])
    head = np.stack([np.cos(around), np.sin(around)], axis=1)
    belly = [[0.43, -0.02], [0.33, -0.17 * plump], [0.1, -0.29 * plump]]
    belly += [[-0.2, -0.24 * plump], [-0.47, -0.075]]
    back = [[-0.5, 0.055], [-0.26, 0.16], [0.02, 0.235]]
    return smooth_outline(np.concatenate([pose.body(back), pose.head(head), pose.body(belly)]))


def _draw_tail(draw: ImageDraw, pose: _Pose, bird: BirdSpecies, colours: Colours) -> None:
    length, spread = bird.tail_length, 0.07 + 0.05 * bird.tail_length
    tip = length * (1 - max(0, bird.tail_fork) * 1.6 / max(length, 0.4))
    point = length * (1 + max(0, -bird.tail_fork) * 2)
    edge = length if bird.tail_fork >= 0 else length * 0.9
    middle = tip if bird.tail_fork > 0 else point
    fan = np.array([[0.12, 0.05], [-edge, spread], [-middle, 0], [-edge, -spread], [0.12, -0.06]])
    fan = rotate(fan, pose.tail_turn) + (-0.46, 0)
    fill_polygon(draw, pose.body(fan), colours['wing'], 0.86)
    for ends, gain in (([0, 1], 1.12), ([4, 3], 0.62)):
        side = pose.body(fan[ends] * 0.97 + (-0.014, 0))
        if bird.pale_tail_edges:
            draw_path(draw, side, pose.pixels(0.045), colours['pale'])
        else:
            draw_path(draw, side, pose.pixels(0.018), colours['wing'], gain)
    draw_path(draw, pose.body(fan[[0, 2]]), pose.pixels(0.014), colours['wing'], 0.62)


def _draw_legs(
    rng: Generator, draw: ImageDraw, pose: _Pose, bird: BirdSpecies, colours: Colours
) -> np.ndarray:
    """Draws both legs straight down; returns the point [2] on which the bird stands."""
    hips = pose.body([[0.06, -0.2 * pose.plumpness], [-0.08, -0.2 * pose.plumpness]])
    down = pose.scale * (0.14 + bird.leg_length)
    ground = hips[:, 1].mean() + down
    for hip, gain in zip(hips, (0.75, 1.0), strict=True):
        knee = hip + (-pose.facing * 0.05 * pose.scale, (ground - hip[1]) * 0.62)
        foot = np.array([hip[0] + rng.normal(0, 0.01) * pose.scale, ground])
        toes = foot + np.array([[-0.05, 0.012], [0.085, 0.012]]) * pose.scale * (pose.facing, 1)
        draw_path(draw, [hip, knee, foot], pose.pixels(0.034), colours['legs'], gain)
        draw_path(draw, toes, pose.pixels(0.032), colours['legs'], gain)
    return np.array([hips[:, 0].mean(), ground])


def _draw_breast(
    rng: Generator, draw: ImageDraw, pose: _Pose, bird: BirdSpecies, colours: Colours
) -> None:
    """Draws streaks, spots or a band on the underparts."""
    plump, mark = pose.plumpness, colours['mark']
    if bird.breast == 'banded':
        band = pose.body([[0.62, 0.06], [0.36, 0.0], [0.2, -0.1 * plump], [0.06, -0.16 * plump]])
        draw_path(draw, smooth_line(band), pose.pixels(0.1), mark)
        return
    if bird.breast == 'plain':
        return
    rows, columns = np.meshgrid(np.arange(4), np.arange(8))
    spots = np.stack([0.42 - 0.095 * columns, 0.04 - 0.075 * rows * plump], axis=-1)
    spots[..., 1] -= 0.035 * columns * (columns < 4) + 0.12 * (columns >= 4)
    spots[..., 0] -= 0.04 * (rows % 2)
    spots = spots.reshape(-1, 2) + rng.normal(0, 0.011, size=(32, 2))
    if bird.breast == 'spotted':
        radius = max(1.0, 0.027 * pose.scale)
        for spot in pose.body(spots):
            fill_disc(draw, spot, radius, mark)
        return
    for spot in spots:
        ends = pose.body(spot + np.array([[0.05, 0.035], [-0.05, -0.035]]))
        draw_path(draw, ends, pose.pixels(0.026), mark)


def _draw_plumage(
    rng: Generator, draw: ImageDraw, pose: _Pose, bird: BirdSpecies, colours: Colours
) -> None:
    """Draws the colours of body and head, without regard to the silhouette."""
    plump = pose.plumpness
    under = [[0.62, 0.1], [0.3, 0.06], [0.02, -0.06], [-0.3, -0.05], [-0.62, -0.02]]
    under += [[-0.5, -0.5], [0.1, -0.62], [0.66, -0.4]]
    fill_polygon(draw, smooth_outline(pose.body(under)), colours['belly'])
    flank = [[0.22, -0.22 * plump], [-0.1, -0.27 * plump], [-0.4, -0.15]]
    draw_path(draw, pose.body(flank), pose.pixels(0.08), colours['belly'], 0.86)
    _draw_breast(rng, draw, pose, bird, colours)

    cheek = [[1.3, -0.1], [0.6, -0.22], [-0.1, -0.5], [-0.35, -1.1], [0.3, -1.75], [1.5, -1.2]]
    fill_polygon(draw, smooth_outline(pose.head(cheek)), colours['throat'])
    cap = [[1.3, 0.3], [0.35, 0.42], [-0.45, 0.36], [-1.15, 0.1], [-1.5, 1.0], [0, 1.9], [1.4, 1.4]]
    fill_polygon(draw, smooth_outline(pose.head(cap)), colours['cap'])
    if bird.brow:
        brow = smooth_line(pose.head([[1.1, 0.3], [0.4, 0.48], [-0.3, 0.44], [-0.95, 0.12]]))
        draw_path(draw, brow, pose.pixels(0.055), colours['pale'], joint=None)
    if bird.mask:
        mask = smooth_line(pose.head([[1.2, -0.02], [0.4, 0.16], [-0.3, 0.1], [-0.95, -0.2]]))
        draw_path(draw, mask, pose.pixels(0.062), DARK, 1.1, joint=None)


def _paste_wing(layer: Image.Image, pose: _Pose, bird: BirdSpecies, colours: Colours) -> None:
    """Draws the wing on a canvas of its own and pastes it into the layer, cut to its outline."""
    shoulder = np.array([0.22, 0.08])
    outline = [[0.25, 0.1], [0.08, 0.19], [-0.26, 0.12], [-0.66, -0.03], [-0.36, -0.1]]
    outline += [[-0.04, -0.135], [0.19, -0.06]]
    feathers = np.zeros((5, 2, 2))
    feathers[:, 0] = np.stack([np.full(5, -0.06), np.linspace(0.13, -0.1, 5)], axis=1)
    feathers[:, 1] = np.stack([np.linspace(-0.56, -0.36, 5), np.linspace(0.02, -0.085, 5)], axis=1)

    def place(points: ArrayLike) -> np.ndarray:
        return pose.body(rotate(points - shoulder, pose.wing_turn) + shoulder)

    wing = Image.new('RGB', layer.size, rgb(colours['wing']))
    draw = Draw(wing)
    lower = place([[-0.02, 0.25], [-0.12, -0.2], [-0.7, -0.2], [-0.75, 0.1]])
    fill_polygon(draw, lower, colours['wing'], 0.78)
    for feather in feathers:
        draw_path(draw, place(feather), pose.pixels(0.03), colours['wing'], 1.18)
        draw_path(draw, place(feather), pose.pixels(0.012), colours['wing'], 0.52)
    for number in range(bird.wing_bars):
        bar = place(np.array([[0.08, 0.24], [0.03, 0.02], [0.05, -0.2]]) - (0.125 * number, 0))
        draw_path(draw, smooth_line(bar), pose.pixels(0.052), colours['pale'])
    edge = smooth_outline(place(outline))
    mask = polygon_mask(layer.size, edge)
    box = mask.getbbox()
    if box is not None:
        layer.paste(wing.crop(box), box[:2], mask.crop(box))
    draw_path(Draw(layer), edge, pose.pixels(0.012), colours['wing'], 0.6, joint=None)


def _draw_face(draw: ImageDraw, pose: _Pose, bird: BirdSpecies, colours: Colours) -> None:
    base, length = 0.9, 0.9 + bird.beak_length / pose.head_size
    deep, drop = bird.beak_depth / pose.head_size, bird.beak_curve / pose.head_size
    bend = (base + length) / 2
    upper = [[base, deep], [bend, deep * 0.62 - drop * 0.15], [length, -0.04 - drop]]
    lower = [[length, -0.04 - drop], [bend, -deep * 0.55 - drop * 0.5], [base, -deep]]
    middle = [[length, -0.04 - drop], [bend, -0.02 - drop * 0.3], [base, 0.0]]
    fill_polygon(draw, pose.head(smooth_line(upper + middle[1:])), colours['beak'])
    under = smooth_line(lower + [middle[2], middle[1]])
    fill_polygon(draw, pose.head(under), colours['beak'], 0.74)
    eye = pose.head([[0.4, 0.17]])[0]
    for radius, colour in ((0.036, (206, 196, 176)), (0.031, (20, 16, 15))):
        fill_disc(draw, eye, max(1.2, radius * pose.scale), colour)
    gleam = eye + np.array([0.01, -0.012]) * pose.scale
    fill_disc(draw, gleam, max(0.8, 0.0095 * pose.scale), (250, 250, 246))


def _sample_colours(rng: Generator, bird: BirdSpecies) -> Colours:
    """Samples the colours of one bird of the species."""
    parts = ('back', 'belly', 'wing', 'cap', 'throat', 'mark')
    colours = sample_palette(rng, PALETTE, 0.14, bird, parts)
    colours['pale'] = jitter(rng, PALE, 0.04)
    beak = (62, 56, 54) if bird.dark_beak else (226, 160, 76)
    colours['beak'] = jitter(rng, beak, 0.08)
    colours['legs'] = blend(colours['beak'], (120, 86, 70), 0.6)
    return colours


def _shading(rng: Generator, layer: Image.Image, size: float) -> np.ndarray:
    """Returns the gain, float [height, width], of a round bird's light and its feather texture.

    Args:
      rng: random generator for the direction of the light and for the texture.
      layer: RGBa layer of the bird, of the size of the scene.
      size: length of the bird in pixels.
    """
    width, height = layer.size
    relief = layer.getchannel(3).filter(ImageFilter.GaussianBlur(size * 0.09))
    slope_y, slope_x = np.gradient(np.asarray(relief, dtype=np.float32) / 255)
    lit = slope_y * 0.85 + slope_x * rng.uniform(-0.6, 0.6)
    feathers = smooth_noise(rng, width, height, size * 0.09, size * 0.03)
    return 1.0 + np.clip(lit * size * 0.2, -0.42, 0.3) + 0.07 * feathers


def render(bird: BirdSpecies, rng: Generator, width: int, height: int) -> Image.Image:
    """Renders a sharp RGB image, `width` x `height`, of a bird of the species `bird`."""
    scene = background(rng, width, height)
    canvas_size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    pose, colours = _Pose(rng, bird, *canvas_size), _sample_colours(rng, bird)

    # The colours extend beyond the body and are cut to its silhouette once.
    plumage = Image.new('RGB', canvas_size, rgb(colours['back']))
    _draw_plumage(rng, Draw(plumage), pose, bird, colours)
    body = polygon_mask(canvas_size, _silhouette(pose))
    box = body.getbbox()
    assert box is not None  # the image may cut a body, but always contains a part of it
    plumage = plumage.crop(box).filter(ImageFilter.BoxBlur(pose.scale * 0.008))

    subject = transparent_layer(canvas_size)
    brush = Draw(subject)
    foot = _draw_legs(rng, brush, pose, bird, colours)
    _draw_tail(brush, pose, bird, colours)
    if bird.crest:
        tip = [-1.2, 1.45 + bird.crest]
        front = [[0.8, 0.55], [0.25, 1.1], [-0.5, 1.3], tip]
        rear = [tip, [-0.85, 0.9], [-1.0, 0.0]]
        crest = np.concatenate([smooth_line(front), smooth_line(rear)])
        fill_polygon(brush, pose.head(crest), colours['cap'], 0.92)
    subject.paste(plumage, box[:2], body.crop(box))
    _paste_wing(subject, pose, bird, colours)
    _draw_face(brush, pose, bird, colours)

    perch = transparent_layer(canvas_size)
    draw_perch(rng, Draw(perch), foot, pose.scale)
    bark = 1 + 0.16 * smooth_noise(rng, width, height, 9, 4)
    scene = composite(scene, perch, bark)
    subject = subject.reduce(SUPERSAMPLING)
    scene = composite(scene, subject, _shading(rng, subject, pose.scale / SUPERSAMPLING))
    return occlude_with_leaves(rng, scene, 0.55, pose.origin, pose.scale, 6)
