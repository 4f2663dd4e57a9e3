"""Images a second of a model trained on one resident batch, in a process that is set up as the engine's is.

    python -m benchmarks.bare_rate MODEL SIZE BATCH CLASSES

Prints the rate of some stretches of steps; epoch_time.py compares the engine with it.
"""

import sys
import time

from engine.training.tuning import tune_process

STRETCHES, STEPS = 5, 4


def main() -> None:
    tune_process()
    import timm
    import torch
    from torch.nn import functional

    name, (size, batch, classes) = sys.argv[1], map(int, sys.argv[2:5])
    model = timm.create_model(name, num_classes=classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (batch,))

    def step() -> None:
        functional.cross_entropy(model(images), labels, label_smoothing=0.1).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    for _ in range(STRETCHES):
        started = time.perf_counter()
        for _ in range(STEPS):
            step()
        print(STEPS * batch / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
