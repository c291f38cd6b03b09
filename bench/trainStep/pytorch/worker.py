"""A participant in PyTorch; requests and answers (protocol.ts) are lines of JSON."""
import json, os, sys


def say(answer):
    print(json.dumps(answer), flush=True)


try:
    import torch
    import training
except ImportError as error:
    say({'error': f'{sys.executable} has no PyTorch ({error})'})
    sys.exit()

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
torch.set_num_threads(THREADS)
say({'what': f'PyTorch {torch.__version__}, {THREADS} threads'})
trained = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if request['do'] == 'prepare':
            trained = None  # frees the last one first
            torch.compiler.reset()
            trained = training.Trained(request)
            say({**trained.timed(request['steps']), 'formula': trained.formula})
        elif request['do'] == 'account':
            say(trained.account())
        else:
            say(trained.timed(request['steps']))
    except Exception as error:
        say({'error': f'{type(error).__name__}: {error}'})
