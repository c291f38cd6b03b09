"""A participant in PyTorch: its DataLoader over pictures that Pillow reads."""
import time

from participant import serve


def load():
    import torch
    from views import Pictures

    loader = None

    def answer(request):
        nonlocal loader
        if request['do'] == 'prepare':
            loader = torch.utils.data.DataLoader(
                Pictures(request['folder'], request['pictures'], request['size']),
                batch_size=request['batch'],
                num_workers=request['workers'],
                persistent_workers=True,
                prefetch_factor=4,
            )
            return {}
        start = time.perf_counter()
        for batch in loader:
            assert batch.dtype == torch.float32
        return {'seconds': time.perf_counter() - start}

    return answer


def pillow():
    import PIL

    return f'Pillow {PIL.__version__}'


# Its workers are processes, one thread each.
serve(load, threads=1, using=pillow)
