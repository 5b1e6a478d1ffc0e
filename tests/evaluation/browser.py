"""A page in a real browser without a screen: `browser.py <page> <width> <picture>`; prints what it measures, as JSON."""

import json
import os
import sys
from pathlib import Path

os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "QTWEBENGINE_CHROMIUM_FLAGS": "--disable-gpu"}

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

MEASURE = """
(() => {
  const shown = (name) => [...document.querySelectorAll(name)].filter((one) => getComputedStyle(one).display !== 'none').length;
  const before = shown('.drawn');
  document.querySelectorAll('.masks').forEach((box) => box.click());
  const after = shown('.drawn');
  document.querySelectorAll('.masks').forEach((box) => box.click());
  const images = [...document.images];
  images.forEach((image) => image.loading = 'eager');
  return JSON.stringify({
    width: document.documentElement.scrollWidth,
    window: window.innerWidth,
    title: document.title,
    smallest: Math.min(...[...document.querySelectorAll('body *')].map((one) => parseFloat(getComputedStyle(one).fontSize))),
    images: images.length,
    broken: images.filter((image) => image.complete && !image.naturalWidth).length,
    drawn: [before, after, shown('.drawn')],
    requests: performance.getEntriesByType('resource').filter((one) => !one.name.startsWith('data:')).length,
  });
})()
"""


def main():
    page, width, picture = sys.argv[1:]
    application, view = QApplication(sys.argv[:1]), QWebEngineView()
    view.resize(int(width), 1400)
    view.show()

    def measured(result):
        sys.stdout.write(json.dumps(json.loads(result)) + "\n")
        view.grab().save(picture)
        application.quit()

    # What is drawn comes some time after what is loaded.
    view.loadFinished.connect(lambda loaded: QTimer.singleShot(800, lambda: view.page().runJavaScript(MEASURE, measured)))
    view.load(QUrl.fromLocalFile(str(Path(page).resolve())))
    application.exec()


if __name__ == "__main__":
    main()
