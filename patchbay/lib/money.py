"""Credits as integers of a millionth ("micro-credits"). No float ever touches an amount."""

from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
PLACES = 6
MAX_DIGITS = 30
MAX_CREDITS = 10**12  # what anyone may name as an amount: micro-credits of it fit a 64-bit column


def to_text(micro: int) -> str:
    """Render micro-credits as the wire's decimal string: `1234567` → `"1.234567"`."""
    sign, size = ("-", -micro) if micro < 0 else ("", micro)
    return f"{sign}{size // MICRO}.{size % MICRO:06d}"


def plain(micro: int) -> str:
    """Render micro-credits without places that are zero, as a form shows them: `1500000` → `"1.5"`."""
    return to_text(micro).rstrip("0").rstrip(".")


def from_credits(credits: int | str | Decimal) -> int:
    """Parse an exact number of credits into micro-credits; ValueError when it has more than six places."""
    try:
        amount = Decimal(credits)
    except InvalidOperation:
        raise ValueError(f"{credits!r} is not a number of credits") from None
    if not amount.is_finite() or amount.adjusted() > MAX_DIGITS:  # `1e900000` would be computed for minutes
        raise ValueError(f"{credits!r} is not a number of credits")
    scaled = amount * MICRO
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{credits!r} has more than {PLACES} decimal places")
    return int(scaled)


def ceil_div(numerator: int, denominator: int) -> int:
    """Divide rounding up: a started micro-credit is charged whole."""
    return -(-numerator // denominator)
