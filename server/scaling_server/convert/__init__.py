"""Between protos and the library's own types: nothing else happens here."""
