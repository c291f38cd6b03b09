"""A product and the same in float64."""
import numpy as np
import torch

from task import Task


def factors(request):
    def read(name, rows):
        values = np.fromfile(f"{request['folder']}/{name}", '<f4')
        return torch.from_numpy(values.reshape(request[rows], request['depth']))

    return read('a.f32', 'rows'), read('b.f32', 'columns')


class Pass(Task):
    def __init__(self, request):
        a, b = factors(request)
        if request['precision'] == 'bf16':
            a, b = a.bfloat16(), b.bfloat16()
        self.modes = {'product': lambda: a @ b.T}


def reference(request, columns=4096):
    a, b = factors(request)
    return {'product': torch.cat([a.double() @ part.double().T for part in b.split(columns)], 1)}
