"""The family of birds: a bird of a given species in a chance pose before a chance background.

What tells a species lies in its parameters (`bird_species.py`); pose, size, place, light, the
individual's own colours, what it sits on and what hides it are left to chance.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from slim.synthetic.bird_species import PALETTE, species
from slim.synthetic.scenery import background, draw_leaves, draw_perch
from slim.synthetic.shapes import (
    SUPERSAMPLING,
    clear_layer,
    cloudy,
    corners,
    ink,
    lay_over,
    mix,
    smooth_line,
    smooth_outline,
    turn,
    vary,
)

REVISION = 2  # raise it when the same species is drawn differently
__all__ = ['REVISION', 'draw', 'species']

PALE, DARK = (238, 232, 212), (34, 30, 30)


class _Pose:
    """Where the parts of one bird lie: its own frame (x ahead, y up, body length 1) on a canvas."""

    def __init__(self, rng, bird, width, height):
        self.tilt = rng.uniform(-12, 34)
        self.facing = 1 if rng.random() < 0.5 else -1
        self.head_turn = rng.normal(-self.tilt * 0.6, 9)
        self.head_at = np.array([0.37, 0.27]) + rng.normal(0, (0.022, 0.03))
        self.head_size = 0.185 * bird.head
        self.tail_turn = rng.normal(-4, 10)
        self.wing_turn = rng.normal(0, 5)
        self.plumpness = bird.plumpness * np.exp(rng.normal(0, 0.06))
        # Nearer the camera or further off; a long tail may leave the frame, a body does not.
        reach = 1.15 + 0.45 * bird.tail_length
        self.scale = min(width / reach, height / 1.05) * rng.uniform(0.55, 0.95)
        ends = turn([[0.6, 0.05], [-0.5 - 0.8 * bird.tail_length, -0.05]], self.tilt)
        middle = ends.mean(axis=0) * (self.facing, -1) * self.scale
        slack = 0.5 * np.maximum(0, (width - self.scale * reach, height - self.scale))
        self.origin = np.array([width, height]) / 2 - middle + slack * rng.uniform(-0.9, 0.9, 2)

    def body(self, points):
        """Canvas points of points in the bird's frame, both [n, 2]."""
        return turn(points, self.tilt) * (self.facing, -1) * self.scale + self.origin

    def head(self, points):
        """Canvas points of points in the head's frame (radius 1, beak along x), both [n, 2]."""
        return self.body(turn(points, self.head_turn) * self.head_size + self.head_at)

    def pixels(self, length):
        """A length of the bird's frame in whole canvas pixels, at least one."""
        return max(1, round(length * self.scale))


def _silhouette(pose):
    plump = pose.plumpness
    around = np.radians([158, 122, 84, 42, 4, -38])
    head = np.stack([np.cos(around), np.sin(around)], axis=1)
    belly = [[0.43, -0.02], [0.33, -0.17 * plump], [0.1, -0.29 * plump]]
    belly += [[-0.2, -0.24 * plump], [-0.47, -0.075]]
    back = [[-0.5, 0.055], [-0.26, 0.16], [0.02, 0.235]]
    parts = [pose.body(back), pose.head(head), pose.body(belly)]
    return smooth_outline(np.concatenate(parts))


def _draw_tail(draw, pose, bird, colours):
    length, spread = bird.tail_length, 0.07 + 0.05 * bird.tail_length
    tip = length * (1 - max(0, bird.tail_fork) * 1.6 / max(length, 0.4))
    point = length * (1 + max(0, -bird.tail_fork) * 2)
    edge = length if bird.tail_fork >= 0 else length * 0.9
    middle = tip if bird.tail_fork > 0 else point
    fan = np.array([[0.12, 0.05], [-edge, spread], [-middle, 0], [-edge, -spread], [0.12, -0.06]])
    fan = turn(fan, pose.tail_turn) + (-0.46, 0)
    draw.polygon(corners(pose.body(fan)), fill=ink(colours['wing'], 0.86))
    for one, gain in ((1, 1.12), (3, 0.62)):
        side = (fan[[0, one]] if one == 1 else fan[[4, one]]) * 0.97 + (-0.014, 0)
        fill = ink(colours['pale']) if bird.pale_tail_edges else ink(colours['wing'], gain)
        width = pose.pixels(0.045 if bird.pale_tail_edges else 0.018)
        draw.line(corners(pose.body(side)), fill=fill, width=width)
    shaft = np.stack([fan[0], fan[2]])
    draw.line(corners(pose.body(shaft)), fill=ink(colours['wing'], 0.62), width=pose.pixels(0.014))


def _draw_legs(rng, draw, pose, bird, colours):
    """Draws both legs straight down and returns the point [2] they stand on."""
    hips = pose.body([[0.06, -0.2 * pose.plumpness], [-0.08, -0.2 * pose.plumpness]])
    down = pose.scale * (0.14 + bird.leg_length)
    ground = hips[:, 1].mean() + down
    for hip, gain in zip(hips, (0.75, 1.0), strict=True):
        knee = hip + (-pose.facing * 0.05 * pose.scale, (ground - hip[1]) * 0.62)
        foot = np.array([hip[0] + rng.normal(0, 0.01) * pose.scale, ground])
        toes = foot + np.array([[-0.05, 0.012], [0.085, 0.012]]) * pose.scale * (pose.facing, 1)
        fill = ink(colours['legs'], gain)
        draw.line(corners([hip, knee, foot]), fill=fill, width=pose.pixels(0.034), joint='curve')
        draw.line(corners(toes), fill=fill, width=pose.pixels(0.032))
    return np.array([hips[:, 0].mean(), ground])


def _draw_breast(rng, draw, pose, bird, colours):
    """Streaks, spots or a band on the underparts."""
    plump, mark = pose.plumpness, ink(colours['mark'])
    if bird.breast == 'banded':
        band = pose.body([[0.62, 0.06], [0.36, 0.0], [0.2, -0.1 * plump], [0.06, -0.16 * plump]])
        draw.line(corners(smooth_line(band)), fill=mark, width=pose.pixels(0.1), joint='curve')
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
        for x, y in pose.body(spots):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mark)
        return
    for spot in spots:
        ends = pose.body(spot + np.array([[0.05, 0.035], [-0.05, -0.035]]))
        draw.line(corners(ends), fill=mark, width=pose.pixels(0.026))


def _draw_plumage(rng, draw, pose, bird, colours):
    """Paints the colours of body and head, wherever they run over the silhouette."""
    plump = pose.plumpness
    under = [[0.62, 0.1], [0.3, 0.06], [0.02, -0.06], [-0.3, -0.05], [-0.62, -0.02]]
    under += [[-0.5, -0.5], [0.1, -0.62], [0.66, -0.4]]
    draw.polygon(corners(smooth_outline(pose.body(under))), fill=ink(colours['belly']))
    flank = [[0.22, -0.22 * plump], [-0.1, -0.27 * plump], [-0.4, -0.15]]
    shade, width = ink(colours['belly'], 0.86), pose.pixels(0.08)
    draw.line(corners(pose.body(flank)), fill=shade, width=width, joint='curve')
    _draw_breast(rng, draw, pose, bird, colours)

    cheek = [[1.3, -0.1], [0.6, -0.22], [-0.1, -0.5], [-0.35, -1.1], [0.3, -1.75], [1.5, -1.2]]
    draw.polygon(corners(smooth_outline(pose.head(cheek))), fill=ink(colours['throat']))
    cap = [[1.3, 0.3], [0.35, 0.42], [-0.45, 0.36], [-1.15, 0.1], [-1.5, 1.0], [0, 1.9], [1.4, 1.4]]
    draw.polygon(corners(smooth_outline(pose.head(cap))), fill=ink(colours['cap']))
    if bird.brow:
        brow = smooth_line(pose.head([[1.1, 0.3], [0.4, 0.48], [-0.3, 0.44], [-0.95, 0.12]]))
        draw.line(corners(brow), fill=ink(colours['pale']), width=pose.pixels(0.055))
    if bird.mask:
        mask = smooth_line(pose.head([[1.2, -0.02], [0.4, 0.16], [-0.3, 0.1], [-0.95, -0.2]]))
        draw.line(corners(mask), fill=ink(DARK, 1.1), width=pose.pixels(0.062))


def _paint_wing(rng, canvas, pose, bird, colours):
    shoulder = np.array([0.22, 0.08])
    outline = [[0.25, 0.1], [0.08, 0.19], [-0.26, 0.12], [-0.66, -0.03], [-0.36, -0.1]]
    outline += [[-0.04, -0.135], [0.19, -0.06]]
    outline, feathers = np.array(outline), np.zeros((5, 2, 2))
    feathers[:, 0] = np.stack([np.full(5, -0.06), np.linspace(0.13, -0.1, 5)], axis=1)
    feathers[:, 1] = np.stack([np.linspace(-0.56, -0.36, 5), np.linspace(0.02, -0.085, 5)], axis=1)

    def place(points):
        return pose.body(turn(points - shoulder, pose.wing_turn) + shoulder)

    wing = Image.new('RGB', canvas.size, ink(colours['wing']))
    draw = ImageDraw.Draw(wing)
    lower = place(np.array([[-0.02, 0.25], [-0.12, -0.2], [-0.7, -0.2], [-0.75, 0.1]]))
    draw.polygon(corners(lower), fill=ink(colours['wing'], 0.78))
    for feather in feathers:
        line = corners(place(feather))
        draw.line(line, fill=ink(colours['wing'], 1.18), width=pose.pixels(0.03))
        draw.line(line, fill=ink(colours['wing'], 0.52), width=pose.pixels(0.012))
    for number in range(bird.wing_bars):
        bar = place(np.array([[0.08, 0.24], [0.03, 0.02], [0.05, -0.2]]) - (0.125 * number, 0))
        line = corners(smooth_line(bar))
        draw.line(line, fill=ink(colours['pale']), width=pose.pixels(0.052), joint='curve')
    mask = Image.new('L', canvas.size)
    edge = corners(smooth_outline(place(outline)))
    ImageDraw.Draw(mask).polygon(edge, fill=255)
    box = mask.getbbox()
    if box is not None:
        canvas.paste(wing.crop(box), box[:2], mask.crop(box))
    ImageDraw.Draw(canvas).line(edge, fill=ink(colours['wing'], 0.6), width=pose.pixels(0.012))


def _draw_face(draw, pose, bird, colours):
    base, length = 0.9, 0.9 + bird.beak_length / pose.head_size
    deep, drop = bird.beak_depth / pose.head_size, bird.beak_curve / pose.head_size
    bend = (base + length) / 2
    upper = [[base, deep], [bend, deep * 0.62 - drop * 0.15], [length, -0.04 - drop]]
    lower = [[length, -0.04 - drop], [bend, -deep * 0.55 - drop * 0.5], [base, -deep]]
    middle = [[length, -0.04 - drop], [bend, -0.02 - drop * 0.3], [base, 0.0]]
    draw.polygon(corners(pose.head(smooth_line(upper + middle[1:]))), fill=ink(colours['beak']))
    under = corners(pose.head(smooth_line(lower + [middle[2], middle[1]])))
    draw.polygon(under, fill=ink(colours['beak'], 0.74))
    x, y = pose.head([[0.4, 0.17]])[0]
    for radius, colour in ((0.036, (206, 196, 176)), (0.031, (20, 16, 15))):
        radius = max(1.2, radius * pose.scale)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    x, y, radius = x + 0.01 * pose.scale, y - 0.012 * pose.scale, max(0.8, 0.0095 * pose.scale)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(250, 250, 246))


def _individual(rng, bird):
    """The colours of one bird of the species, by the part they are for."""
    parts = ('back', 'belly', 'wing', 'cap', 'throat', 'mark')
    # Parts of one colour stay of one colour in each bird: the palette is what varies.
    palette = {name: vary(rng, PALETTE[name], 0.14) for name in sorted(PALETTE)}
    colours = {part: palette[getattr(bird, part)] for part in parts}
    colours['pale'] = vary(rng, PALE, 0.04)
    beak = (62, 56, 54) if bird.dark_beak else (226, 160, 76)
    colours['beak'] = vary(rng, beak, 0.08)
    colours['legs'] = mix(colours['beak'], (120, 86, 70), 0.6)
    return colours


def _shade(rng, layer, size):
    """The layer, RGBa, with the roundness and the feathers of a bird so many pixels long."""
    width, height = layer.size
    relief = layer.getchannel(3).filter(ImageFilter.GaussianBlur(size * 0.09))
    slope_y, slope_x = np.gradient(np.asarray(relief, dtype=np.float32) / 255)
    lit = slope_y * 0.85 + slope_x * rng.uniform(-0.6, 0.6)
    feathers = cloudy(rng, width, height, size * 0.09, size * 0.03)
    return 1.0 + np.clip(lit * size * 0.2, -0.42, 0.3) + 0.07 * feathers


def draw(bird, rng, width, height):
    """A sharp RGB image, `width` by `height`, of a bird of the species `bird`, a `BirdSpecies`."""
    scene = background(rng, width, height)
    large = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    pose, colours = _Pose(rng, bird, *large), _individual(rng, bird)

    # Colours run over the edge of the body and are cut to it once.
    plumage = Image.new('RGB', large, ink(colours['back']))
    _draw_plumage(rng, ImageDraw.Draw(plumage), pose, bird, colours)
    body = Image.new('L', large)
    ImageDraw.Draw(body).polygon(corners(_silhouette(pose)), fill=255)
    box = body.getbbox()  # never empty: a body may be cut by the frame, but is always in it
    plumage = plumage.crop(box).filter(ImageFilter.BoxBlur(pose.scale * 0.008))

    figure = clear_layer(large)
    brush = ImageDraw.Draw(figure)
    foot = _draw_legs(rng, brush, pose, bird, colours)
    _draw_tail(brush, pose, bird, colours)
    if bird.crest:
        tuft = smooth_line([[0.8, 0.55], [0.25, 1.1], [-0.5, 1.3], [-1.2, 1.45 + bird.crest]])
        tuft = np.concatenate(
            [tuft, smooth_line([[-1.2, 1.45 + bird.crest], [-0.85, 0.9], [-1, 0]])]
        )
        brush.polygon(corners(pose.head(tuft)), fill=ink(colours['cap'], 0.92))
    figure.paste(plumage, box[:2], body.crop(box))
    _paint_wing(rng, figure, pose, bird, colours)
    _draw_face(brush, pose, bird, colours)

    perch = clear_layer(large)
    draw_perch(rng, ImageDraw.Draw(perch), foot, pose.scale)
    bark = 1 + 0.16 * cloudy(rng, width, height, 9, 4)
    scene = lay_over(scene, perch, bark)
    figure = figure.reduce(SUPERSAMPLING)
    scene = lay_over(scene, figure, _shade(rng, figure, pose.scale / SUPERSAMPLING))
    if rng.random() < 0.55:
        leaves = clear_layer(large)
        middle = pose.body([[0.0, 0.0]])[0]
        count = int(rng.integers(1, 7))
        draw_leaves(rng, ImageDraw.Draw(leaves), middle, pose.scale, count)
        scene = lay_over(scene, leaves)
    return scene
