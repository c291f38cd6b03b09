"""Training views by Pillow, with the transforms of timm and torchvision written out by hand."""

import math
import os
import random

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

BICUBIC = Image.Resampling.BICUBIC
FILL = (123, 117, 104)
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


def crop(image, size):
    """Random resized crop, scale 0.08 to 1."""
    width, height = image.size
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            return image.crop((left, top, left + w, top + h)).resize((size, size), BICUBIC)
    return image.resize((size, size), BICUBIC)


def affine(image, *coefficients):
    return image.transform(image.size, Image.Transform.AFFINE, coefficients, resample=BICUBIC, fillcolor=FILL)


def sign():
    return random.choice((-1, 1))


def enhanced(kind):
    return lambda image, level: kind(image).enhance(max(0.1, 1 + sign() * 0.9 * level))


def solarize_add(image, level):
    add = int(level * 110)
    return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)


OPERATIONS = [
    lambda image, level: ImageOps.autocontrast(image),
    lambda image, level: ImageOps.equalize(image),
    lambda image, level: ImageOps.invert(image),
    lambda image, level: image.rotate(sign() * level * 30, resample=BICUBIC, fillcolor=FILL),
    lambda image, level: ImageOps.posterize(image, max(1, 4 - int(level * 4))),
    lambda image, level: ImageOps.solarize(image, 256 - int(level * 256)),
    solarize_add,
    enhanced(ImageEnhance.Color),
    enhanced(ImageEnhance.Contrast),
    enhanced(ImageEnhance.Brightness),
    enhanced(ImageEnhance.Sharpness),
    lambda image, level: affine(image, 1, sign() * level * 0.3, 0, 0, 1, 0),
    lambda image, level: affine(image, 1, 0, 0, sign() * level * 0.3, 1, 0),
    lambda image, level: affine(image, 1, 0, sign() * level * 0.45 * image.size[0], 0, 1, 0),
    lambda image, level: affine(image, 1, 0, 0, 0, 1, sign() * level * 0.45 * image.size[1]),
]


def rand_augment(image):
    for operation in random.choices(OPERATIONS, k=2):
        if random.random() < 0.5:
            image = operation(image, max(0, min(10, random.gauss(9, 0.5))) / 10)
    return image


def erase(x):
    _, height, width = x.shape
    for _ in range(10):
        area = height * width * random.uniform(0.02, 1 / 3)
        ratio = math.exp(random.uniform(math.log(0.3), math.log(1 / 0.3)))
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if h < height and w < width:
            top, left = random.randint(0, height - h), random.randint(0, width - w)
            x[:, top : top + h, left : left + w] = torch.randn(3, h, w)
            break
    return x


class Pictures(torch.utils.data.Dataset):
    def __init__(self, folder, count, size):
        self.folder, self.count, self.size = folder, count, size

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        with Image.open(os.path.join(self.folder, f"{index}.jpg")) as file:
            image = crop(file.convert("RGB"), self.size)
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = rand_augment(image)
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div_(255)
        x = x.sub_(MEAN).div_(STD)
        return erase(x) if random.random() < 0.25 else x
