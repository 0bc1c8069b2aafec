"""A page in a real headless Chromium, in a process of its own: `python chromium.py WIDTH PAGE EXPRESSION...`.

Prints one JSON list: the value of each expression, evaluated one after another, then every message of the console.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--no-sandbox --disable-gpu")

from PyQt6.QtCore import QTimer, QUrl
from PyQt6.QtWebEngineCore import QWebEnginePage
from PyQt6.QtWebEngineWidgets import QWebEngineView
from PyQt6.QtWidgets import QApplication

SETTLED = 200
"""Milliseconds that the page has to draw after an expression."""
GIVEN_UP = 60_000


class Page(QWebEnginePage):
    def __init__(self, view):
        super().__init__(view)
        self.console = []

    def javaScriptConsoleMessage(self, level, message, line, source):  # noqa: N802 - Qt names it
        self.console.append(message)


def main(width, path, expressions):
    application = QApplication(["chromium"])
    view = QWebEngineView()
    page = Page(view)
    view.setPage(page)
    view.resize(width, 900)
    view.show()
    results = []

    def following(value=None, started=True):
        if not started:
            results.append(value)
        if len(results) < len(expressions):
            expression = expressions[len(results)]
            QTimer.singleShot(SETTLED, lambda: page.runJavaScript(expression, lambda value: following(value, False)))
        else:
            print(json.dumps([*results, page.console]))
            application.quit()

    page.loadFinished.connect(lambda loaded: following() if loaded else application.exit(1))
    QTimer.singleShot(GIVEN_UP, lambda: application.exit(2))
    view.load(QUrl.fromLocalFile(str(Path(path).resolve())))
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
