"""One folder for each source of models; adding one adds a folder and a line in `apps.py`."""
