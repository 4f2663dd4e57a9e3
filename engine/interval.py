"""How far a top-1 accuracy can be trusted: its interval from the number of images behind it."""

from math import sqrt

_Z = 1.959963984540054  # the normal distribution's 97.5 % point: 2.5 % are left out on either side


def wilson(correct: int, seen: int) -> tuple[float, float]:
    """Return the 95 % score interval (Wilson 1927) of a share of ``correct`` among ``seen``, in percent.

    Unlike the share plus and minus its standard error, it stays within 0 to 100 and is of use near both
    ends and for few images. Raises ValueError unless 0 <= ``correct`` <= ``seen`` and ``seen`` > 0.
    """
    if not 0 <= correct <= seen or not seen:
        raise ValueError(f"{correct} of {seen} is no share")
    share, per_image = correct / seen, _Z * _Z / seen
    middle = share + per_image / 2
    reach = _Z * sqrt((share * (1 - share) + per_image / 4) / seen)
    low, high = ((middle + side) / (1 + per_image) for side in (-reach, reach))
    # Rounding must not put the share itself outside, as it would at none and at all.
    return 100 * min(max(0.0, low), share), 100 * max(min(1.0, high), share)
