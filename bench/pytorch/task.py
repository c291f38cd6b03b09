"""A participant of a kernel's benchmark (support/task.ts is its fellow in Node)."""
import time

import numpy as np
import torch

from memory import watch_memory


class Task:
    """`modes` holds a pass of each mode, which gives its results, a tensor or several."""

    modes = {}

    def reset(self):
        """Undoes what passes changed, before the first one of a mode."""

    def compared(self, mode, results):
        """What of a first pass's results is compared."""
        return results


def compiled(request, function):
    return torch.compile(function) if request.get('compiled') else function


def autocast(request):
    return torch.autocast('cpu', torch.bfloat16, enabled=request['precision'] == 'bf16')


def timed(function, times):
    memory, seconds, result = watch_memory(), [], None
    for _ in range(times):
        result = None
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return {'seconds': seconds, **({'memory': memory()} if memory else {})}, result


def write(path, results):
    results = [results] if torch.is_tensor(results) else results
    arrays = [np.ascontiguousarray(r.detach().float().numpy()).reshape(-1) for r in results]
    with open(path, 'wb') as file:
        for array in arrays:
            array.tofile(file)
    return {'parts': [array.size for array in arrays]}


def answering(make, reference):
    """From `make(request)`, a Task, and `reference(request)`, float64's results by mode, the answers to requests."""
    task = None

    def answer(request):
        nonlocal task
        if request['do'] == 'run':
            return timed(task.modes[request['mode']], request['times'])[0]
        path = request['output']
        if request['do'] == 'reference':
            with torch.no_grad():
                return {mode: write(f'{path}.{mode}', results) for mode, results in reference(request).items()}
        task = make(request)
        answers = {}
        for mode in task.modes:
            task.reset()
            ran, results = timed(task.modes[mode], 1)
            answers[mode] = ran | write(f'{path}.{mode}', task.compared(mode, results))
        return answers

    return answer
