"""Which languages there are. Apart from their texts: a command that names one loads no catalogue."""

#: ISO 639-1. Each has a file in ``catalogues/``.
LANGUAGES = ("de", "en", "es", "fr", "it")
