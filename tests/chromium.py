"""Pages in a real headless Chromium, in a process of its own: `python chromium.py WIDTH PAGE EXPRESSION...`.

Prints one JSON list: the value of each expression, evaluated one after another, then every message of the console.
`PAGE` may end in `#...`. An expression may also be `goto:PAGE`, another page; `until:EXPRESSION`, which is evaluated
until it is true; `file:PATH`, a script; or `shot:PATH`, which takes a picture.
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
SOON = 50
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

    def done(value):
        results.append(value)
        QTimer.singleShot(SETTLED, following)

    def following():
        if len(results) == len(expressions):
            print(json.dumps([*results, page.console]))
            application.quit()
            return
        kind, _, rest = expressions[len(results)].partition(":")
        if kind == "goto":
            view.load(address(rest))
        elif kind == "until":
            page.runJavaScript(rest, lambda value: done(value) if value else QTimer.singleShot(SOON, following))
        elif kind == "shot":
            done(view.grab().save(rest))
        elif kind == "file":
            page.runJavaScript(Path(rest).read_text(encoding="utf-8") + ";1", done)
        else:
            page.runJavaScript(expressions[len(results)], done)

    def loaded(whole):
        if not whole:
            application.exit(1)
        elif expressions and len(results) < len(expressions) and expressions[len(results)].startswith("goto:"):
            done(True)
        elif not results:
            QTimer.singleShot(SETTLED, following)

    page.loadFinished.connect(loaded)
    QTimer.singleShot(
        GIVEN_UP * (1 + sum(each.startswith("goto:") for each in expressions)), lambda: application.exit(2)
    )
    view.load(address(path))
    return application.exec()


def address(path):
    name, _, fragment = path.partition("#")
    url = QUrl.fromLocalFile(str(Path(name).resolve()))
    if fragment:
        url.setFragment(fragment)
    return url


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
