"""The built-in model: answers by quoting the passages it is given, and says when they do not answer."""
