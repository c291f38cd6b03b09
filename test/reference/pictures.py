"""What Pillow makes of pictures: the resize and centre crop of evaluation, crops resampled, and the operations of RandAugment
with the arguments that timm's rand-m9-mstd0.5-inc1 gives them. Bytes as base64.

    pip install pillow
    python test/reference/pictures.py > test/reference/pictures.json
"""

import base64
import io
import json

from PIL import Image, ImageEnhance, ImageOps

BICUBIC = Image.Resampling.BICUBIC
FILL = (123, 117, 104)  # CLIP's mean, rounded


def picture(width, height):
    """Waves with edges in them; the test makes the same from the same formula, in whole numbers."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                wave = (x * (7 + 2 * c) + y * (11 - 3 * c)) % 200
                edge = 90 if (x // 5 + y // 7 + c) % 3 == 0 else 0
                data.append(min(255, abs(wave - 100) + edge + (x * y * (c + 1)) % 17))
    return Image.frombytes("RGB", (width, height), bytes(data))


def coded(image):
    return base64.b64encode(image.tobytes()).decode()


def clean(width, height, resize, to):
    """torchvision's Resize and CenterCrop."""
    image = picture(width, height)
    if width <= height:
        size = (resize, int(resize * height / width))
    else:
        size = (int(resize * width / height), resize)
    image = image.resize(size, BICUBIC)
    left, top = int(round((size[0] - to) / 2.0)), int(round((size[1] - to) / 2.0))
    return image.crop((left, top, left + to, top + to))


def crop(width, height, left, top, w, h, to):
    return picture(width, height).crop((left, top, left + w, top + h)).resize((to, to), BICUBIC)


def level(magnitude, most):
    return magnitude / 10 * most


def affine(image, *coefficients):
    return image.transform(image.size, Image.Transform.AFFINE, coefficients, resample=BICUBIC, fillcolor=FILL)


def solarize_add(image, add):
    return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)


def enhanced(kind):
    return lambda image, m, sign: kind(image).enhance(max(0.1, 1 + sign * level(m, 0.9)))


OPERATIONS = {
    "AutoContrast": lambda image, m, sign: ImageOps.autocontrast(image),
    "Equalize": lambda image, m, sign: ImageOps.equalize(image),
    "Invert": lambda image, m, sign: ImageOps.invert(image),
    "Rotate": lambda image, m, sign: image.rotate(sign * level(m, 30), resample=BICUBIC, fillcolor=FILL),
    "PosterizeIncreasing": lambda image, m, sign: ImageOps.posterize(image, 4 - int(level(m, 4))),
    "SolarizeIncreasing": lambda image, m, sign: ImageOps.solarize(image, 256 - int(level(m, 256))),
    "SolarizeAdd": lambda image, m, sign: solarize_add(image, int(level(m, 110))),
    "ColorIncreasing": enhanced(ImageEnhance.Color),
    "ContrastIncreasing": enhanced(ImageEnhance.Contrast),
    "BrightnessIncreasing": enhanced(ImageEnhance.Brightness),
    "SharpnessIncreasing": enhanced(ImageEnhance.Sharpness),
    "ShearX": lambda image, m, sign: affine(image, 1, sign * level(m, 0.3), 0, 0, 1, 0),
    "ShearY": lambda image, m, sign: affine(image, 1, 0, 0, sign * level(m, 0.3), 1, 0),
    "TranslateXRel": lambda image, m, sign: affine(image, 1, 0, sign * level(m, 0.45) * image.size[0], 0, 1, 0),
    "TranslateYRel": lambda image, m, sign: affine(image, 1, 0, 0, 0, 1, sign * level(m, 0.45) * image.size[1]),
}

def encoded(name, image, kind, **options):
    """A file, and what Pillow reads from it: upright, as RGB."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    read = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    rgb = coded(read)
    return {"name": name, "file": base64.b64encode(file.getvalue()).decode(), "width": read.width, "rgb": rgb}


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def files():
    plain = picture(21, 14)
    jpeg = lambda name, image=plain, **options: encoded(name, image, "JPEG", quality=88, **options)
    return [
        jpeg("JPEG"),
        jpeg("progressive JPEG", progressive=True),
        jpeg("JPEG with whole chroma", subsampling=0),
        jpeg("grey JPEG", plain.convert("L")),
        jpeg("CMYK JPEG", plain.convert("CMYK")),
        *[jpeg(f"JPEG turned by Exif's {o}", exif=turned(o)) for o in (2, 3, 6, 8)],
        encoded("WebP", plain, "WEBP", quality=80),
        encoded("GIF", plain.convert("P"), "GIF"),
        encoded("PNG with a palette", plain.convert("P"), "PNG"),
        encoded("PNG of bits", plain.convert("1"), "PNG"),
        encoded("TIFF", plain, "TIFF", compression="tiff_lzw"),
    ]


# Pillow refuses to keep no bits, which is what magnitude 10 means to timm.
MAGNITUDES = {"PosterizeIncreasing": [(9, 1), (5, 1)], "AutoContrast": [(9, 1)], "Equalize": [(9, 1)], "Invert": [(9, 1)]}
CLEAN = [(37, 53, 16, 14), (53, 37, 24, 21), (101, 67, 32, 28), (19, 31, 40, 35), (23, 24, 9, 8), (64, 64, 37, 32)]
CROPS = [(61, 47, 3, 5, 40, 31, 16), (61, 47, 20, 10, 9, 12, 16), (90, 40, 0, 0, 90, 40, 16)]

print(
    json.dumps(
        {
            "clean": [{"case": case, "rgb": coded(clean(*case))} for case in CLEAN],
            "crops": [{"case": case, "rgb": coded(crop(*case))} for case in CROPS],
            "files": files(),
            "operations": [
                {"name": name, "magnitude": m, "sign": sign, "size": 17, "rgb": coded(operation(picture(17, 17), m, sign))}
                for name, operation in OPERATIONS.items()
                for m, sign in MAGNITUDES.get(name, [(9, 1), (8.3, -1), (10, 1)])
            ],
        },
        indent=0,
    )
)
