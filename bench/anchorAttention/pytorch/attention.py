"""The attention and its gradient in both forms, and both in float64."""
import torch

import kernels
from task import Task, autocast, compiled
from tensors import batch_of

PARAMETERS = ('wq', 'wk', 'gq', 'bq', 'gk', 'bk')
FORMS = {'formula': kernels.authors_attention, 'algebra': kernels.algebra_attention}


def inputs(request):
    anchors, x, dlogits, *values = batch_of(request, 'anchors', 'x', 'dlogits', *PARAMETERS)
    return anchors, x, dlogits, dict(zip(PARAMETERS, values))


def leaves(x, parameters):
    """What has a gradient; that of the keys' shift is 0, and the algebra does not know it."""
    return [t.requires_grad_() for t in (x, *(t for name, t in parameters.items() if name != 'bk'))]


class Pass(Task):
    def __init__(self, request):
        anchors, x, dlogits, parameters = inputs(request)
        wanted, scale = leaves(x, parameters), torch.tensor(request['logitScale'])
        table = anchors if request['form'] == 'formula' else kernels.make_table(anchors)
        function = compiled(request, FORMS[request['form']])

        def logits():
            with autocast(request):
                return function(x, table, parameters, scale).float()

        def forward():
            with torch.no_grad():
                return logits()

        self.modes = {'forward': forward, 'both': lambda: torch.autograd.grad(logits(), wanted, dlogits)}


def reference(request, classes=64):
    """Some classes at a time: they share nothing but the queries."""
    anchors, x, dlogits, parameters = inputs(request)
    x, scale = x.double(), torch.tensor(request['logitScale']).double()
    parameters = {name: t.double() for name, t in parameters.items()}
    wanted, logits, gradients = leaves(x, parameters), [], None
    with torch.enable_grad():
        for part, upstream in zip(anchors.split(classes), dlogits.double().split(classes, 1)):
            z = kernels.algebra_attention(x, kernels.make_table(part.double()), parameters, scale)
            new = torch.autograd.grad(z, wanted, upstream)
            gradients = [a + b for a, b in zip(gradients, new)] if gradients else new
            logits.append(z.detach())
    return {'forward': torch.cat(logits, 1), 'both': gradients}
