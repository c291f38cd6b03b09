"""A participant in PyTorch; requests and answers are lines of JSON."""
import json, os, sys


def say(answer):
    print(json.dumps(answer), flush=True)


def serve(load, threads=None, using=None):
    """`load` imports what needs PyTorch and gives the function from a request to its answer.

    `threads` of PyTorch, default: the machine's; `using` says what it computes by besides.
    """
    try:
        answer = load()
        import torch
    except ImportError as error:
        say({'error': f'{sys.executable} has no PyTorch ({error})'})
        return
    threads = threads or (len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count())
    torch.set_num_threads(threads)
    what = [f'PyTorch {torch.__version__}', f'{threads} threads' if threads > 1 else '1 thread']
    say({'what': ', '.join(what + ([using()] if using else []))})
    for line in sys.stdin:
        try:
            say(answer(json.loads(line)))
        except Exception as error:
            say({'error': f'{type(error).__name__}: {error}'})
