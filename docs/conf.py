"""How the documentation is built: `make docs`. Markdown pages, no network, every warning an error."""

project = "emocal-rl"
copyright = "the emocal-rl authors, Apache-2.0"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
highlight_language = "none"
html_theme = "furo"
html_title = "emocal-rl"
html_copy_source = False
