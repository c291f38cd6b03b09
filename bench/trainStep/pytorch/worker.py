"""A participant in PyTorch; requests and answers are those of protocol.ts."""
from participant import serve


def load():
    import torch
    import training

    trained = None

    def answer(request):
        nonlocal trained
        if request['do'] == 'prepare':
            trained = None  # frees the last one first
            torch.compiler.reset()
            trained = training.Trained(request)
            return {**trained.timed(request['steps']), 'formula': trained.formula}
        return trained.account() if request['do'] == 'account' else trained.timed(request['steps'])

    return answer


serve(load)
