"""The edition in the browser: a static folder with a gallery, and a page to play and to change each scenario."""
