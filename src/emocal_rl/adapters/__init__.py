"""Our rewards in other frameworks: one small module each, over the same settings and the same call.

`rewards/README.md` says what to write into each framework's configuration. Importing a module here does not import its
framework, except `skyrl`, `tinker`, `swift` and `oumi`, which subclass or register something of theirs.
"""
