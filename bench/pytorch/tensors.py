"""Files of the benchmarks as tensors."""
import json
from pathlib import Path

import numpy as np
import torch

TYPES = {'F32': '<f4', 'I32': '<i4'}


def read_safetensors(path):
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], 'little')
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != '__metadata__':
            begin, end = (start + offset for offset in entry['data_offsets'])
            values = np.frombuffer(data[begin:end], TYPES[entry['dtype']]).reshape(entry['shape'])
            tensors[name] = torch.from_numpy(values.copy())
    return tensors


def load(module, tensors, prefix=''):
    """Gives a module its parameters and buffers; tensors of other names are left alone."""
    state = {name[len(prefix):]: t for name, t in tensors.items() if name.startswith(prefix)}
    missing = [name for name in module.state_dict() if name not in state and not name.endswith('num_batches_tracked')]
    if missing:
        raise ValueError(f'the file lacks {", ".join(missing)}')
    module.load_state_dict({name: state[name] for name in module.state_dict() if name in state}, strict=False)
    return module


def batch_of(request, *names):
    """Arrays of a kernel's problem (support/arrays.ts)."""
    batch = read_safetensors(f"{request['folder']}/batch.safetensors")
    return [batch[name] for name in names]
