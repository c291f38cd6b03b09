"""Antialiased bicubic resampling in float64 (torch's antialias=True is Pillow's filter). python bicubic.py > bicubic.json"""
import json, torch
torch.manual_seed(0)
width, height = 13, 11
picture = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)


def case(left, top, w, h, to_w, to_h):
    x = picture[top:top + h, left:left + w].double().permute(2, 0, 1)[None]
    y = torch.nn.functional.interpolate(x, size=(to_h, to_w), mode='bicubic', antialias=True, align_corners=False)
    return dict(box=dict(left=left, top=top, width=w, height=h), to=[to_w, to_h], values=[round(v, 4) for v in y[0].permute(1, 2, 0).flatten().tolist()])


print(json.dumps(dict(width=width, height=height, pixels=picture.flatten().tolist(),
                      cases=[case(0, 0, 13, 11, 13, 11), case(0, 0, 13, 11, 5, 4), case(2, 3, 6, 5, 8, 9), case(1, 0, 12, 11, 4, 15), case(4, 4, 1, 1, 3, 3)])))
