"""What every page needs to say exactly: amounts, times, icons, and form controls that name their faults."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from patchbay.lib.money import MICRO

register = template.Library()

# The first token that a user agent contains names it: Edge also says Chrome, Chrome also says Safari.
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "hour"), (7 * 86400, 86400, "day"))


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one icon of the sprite; decoration only, so the words beside it must say it."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.filter
def amount(micro: int) -> SafeString:
    """Show micro-credits exactly, the decimals dimmed: `2914000` → 2.914, `1000001` → 1.000001; three at least."""
    sign, size = ("−", -micro) if micro < 0 else ("", micro)
    decimals = f"{size % MICRO:06d}"
    kept = decimals[:3] + decimals[3:].rstrip("0")
    return format_html('<span class="num">{}{}<small>.{}</small></span>', sign, f"{size // MICRO:,}", kept)


@register.filter
def count(number: int | None) -> str:
    """Show a whole number with its thousands apart: `476164` → 476,164; None and nothing as 0."""
    return f"{number or 0:,}"


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """Show how long ago (or until) a time is, with the exact time as its title."""
    if moment is None:
        return mark_safe('<span class="quiet">never</span>')
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        exact(moment),
        _relative(moment),
    )


@register.filter
def exact(moment: datetime) -> str:
    """Say a time in full: Wednesday 18 November 2026, 14:31:52 UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc:%A} {utc.day} {utc:%B %Y, %H:%M:%S} UTC"


@register.filter
def day(moment: datetime) -> SafeString:
    """Show a date, with the exact time as its title."""
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{} {}</time>',
        utc.isoformat(timespec="seconds"),
        exact(moment),
        utc.day,
        f"{utc:%b %Y}",
    )


def _relative(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    past, size = seconds >= 0, abs(seconds)
    for limit, unit, name in _STEPS:
        if size < limit:
            count = size // unit
            if name == "s" and count < 5:
                return "now" if past else "in a moment"
            plural = "s" if name in ("hour", "day") and count != 1 else ""
            return f"{count} {name}{plural} ago" if past else f"in {count} {name}{plural}"
    return f"{moment.astimezone(UTC):%-d %b %Y}"


@register.filter
def size(value: int) -> str:
    """Show a number of bytes in binary steps: `2202009` → 2.1 MB."""
    for unit, power in (("GB", 30), ("MB", 20), ("KB", 10)):
        amount = value / 2**power
        if amount >= 1:
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{value} B"


@register.filter
def initials(name: str) -> str:
    """The letters of an avatar: `Mara Lindqvist` → ML, `mara@x.example` → M."""
    words = [word for word in name.partition("@")[0].replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


@register.filter
def percent(part: float, whole: float) -> str:
    """How much of a whole, 0 to 100, for an instrument's custom property."""
    return f"{100 * min(1.0, max(0.0, part / whole)):.2f}" if whole else "0"


@register.simple_tag
def control(field: BoundField, **attrs: Any) -> SafeString:
    """Render a form's control in our class; Django names its fault by aria-describedby and aria-invalid."""
    return field.as_widget(attrs={"class": "input", "placeholder": "", **attrs})


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The current address's query with some parameters changed; an empty value takes one away."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            parameters.pop(name, None)
        else:
            parameters[name] = value
    return f"?{parameters.urlencode()}"


@register.filter
def changed(change: Any) -> str:
    """Say a change of the audit log: `[before, after]` → before → after."""
    if isinstance(change, list) and len(change) == 2:
        return f"{_said(change[0])} → {_said(change[1])}"
    return _said(change)


def _said(value: Any) -> str:
    return "none" if value is None or value == "" else str(value)


@register.filter
def browser(user_agent: str) -> str:
    """Name the browser and system of a user agent: `Firefox on Linux`; what is not known is said as it is."""
    found = next((name for token, name in _BROWSERS if token in user_agent), None)
    system = next((name for token, name in _SYSTEMS if token in user_agent), None)
    if found is None:
        return user_agent[:60] or "An unknown program"
    return f"{found} on {system}" if system else found


@register.filter
def minus(whole: int, part: int) -> int:
    return whole - part


@register.filter
def words(name: str) -> str:
    """A machine's name as words: `prompt_tokens` → prompt tokens."""
    return name.replace("_", " ")
