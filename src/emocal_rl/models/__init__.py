"""Models: the embedded tiny vision-language model, and loading of any other."""
