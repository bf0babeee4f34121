"""The texts of one language, read from its .po file when they are first asked for."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


@cache
def catalogue(language: str) -> GNUTranslations:
    """The catalogue of one of ``LANGUAGES``, read once in a process.

    Its ids are codes and its contexts say who is spoken to (docs/reference/texts.md).
    """
    packed = BytesIO()
    with files("gated.texts").joinpath("catalogues", f"{language}.po").open("rb") as file:
        write_mo(packed, read_po(file, locale=language, abort_invalid=True))
    packed.seek(0)
    return GNUTranslations(packed)
