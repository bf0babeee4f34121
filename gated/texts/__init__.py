"""What people are told, in their languages: a reason and its parameters become a sentence."""

from gated.texts.catalogue import LANGUAGES
from gated.texts.sentences import Audience, Texts

__all__ = ["LANGUAGES", "Audience", "Texts"]
