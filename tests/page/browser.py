"""Headless Chromium and the program's server, for test_page.py: started, asked, and ended."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Debian's python3-selenium is plain Python and serves any interpreter.
sys.path.append("/usr/lib/python3/dist-packages")

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = 77  # what Meson takes for "skipped"


def skip(reason):
    """Ends the test as not run."""
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


try:
    from selenium import webdriver
    from selenium.common.exceptions import (ElementClickInterceptedException, JavascriptException,
                                            StaleElementReferenceException, WebDriverException)
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    skip("the page in a browser: python3-selenium is not installed (tools/packages-page.txt)")


class Server:
    """`amanuensis serve` on a free port, with data of its own that go when it ends."""

    def __init__(self, program, model, with_key=False):
        self.folder = tempfile.TemporaryDirectory()
        self.key = subprocess.run(
            [program, "keys", "add", "page", "--data_dir", self.folder.name], text=True,
            check=True, capture_output=True).stdout.strip() if with_key else None
        self.log = open(Path(self.folder.name, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [program, "serve", "--model", model, "--port", "0", "--data_dir", self.folder.name],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://localhost:\d+", line)
        if not found:
            raise RuntimeError(f"the server does not start: {line}{self.errors()}")
        self.url = found.group()

    def errors(self):
        """What it has written to standard error."""
        self.log.flush()
        return Path(self.log.name).read_text(encoding="utf-8")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()


class Browser:
    """A page and what tests do with it. Elements are named by CSS selectors."""

    def __init__(self, url, downloads, shots):
        self.url, self.downloads, self.shots = url, downloads, shots
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        driver = shutil.which("chromedriver")
        if not chromium or not driver:
            skip("the page in a browser: chromium or chromium-driver is not installed "
                 "(tools/packages-page.txt)")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
                         "--disable-dev-shm-usage", "--lang=en-US", "--mute-audio",
                         "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                         "--autoplay-policy=no-user-gesture-required", "--window-size=1360,860"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        self.driver = webdriver.Chrome(service=Service(driver), options=options)
        # Scrolling that takes its time would make pictures of chance.
        self.cdp("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self.size(1360, 860)

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def size(self, width, height, phone=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=phone)

    def open(self, address="/"):
        self.driver.get(self.url + address)
        self.wait("document.readyState === 'complete' && document.querySelector('#f-model option')")

    def run(self, script, *arguments):
        """The value of a function body."""
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script):
        """The value an async function body returns."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"(async () => {{{script}}})().then(done, (error) => done(`FAILED ${{error.stack}}`));")

    def wait(self, condition, seconds=20, what=None):
        """Waits until an expression is true, and returns its value."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = self.run(f"return ({condition});")
            except JavascriptException as error:
                value, condition_error = None, error
            else:
                condition_error = None
            if value:
                return value
            if time.monotonic() > end:
                self.shot("failed")
                raise AssertionError(f"waited {seconds} s for {what or condition} "
                                     f"{condition_error or ''}")
            time.sleep(0.05)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector):
        self.press(lambda: self.wait(f"document.querySelector({selector!r})", what=selector))

    def press(self, find_element):
        """Clicks what is found, again when it was replaced in that moment."""
        for left in reversed(range(20)):
            try:
                find_element().click()
                return
            except (StaleElementReferenceException, ElementClickInterceptedException):
                if not left:
                    raise
                time.sleep(0.1)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def keys(self, *keys):
        """Keys for whatever has the focus; one that begins with Keys.CONTROL is a chord."""
        chain = ActionChains(self.driver, duration=0)
        for key in keys:
            if key.startswith(Keys.CONTROL):
                chain.key_down(Keys.CONTROL).send_keys(key[1:]).key_up(Keys.CONTROL)
            else:
                chain.send_keys(key)
        chain.perform()

    def menu(self, label):
        """Chooses the item of the open menu whose label begins so."""
        self.wait("document.querySelector('.menu')")
        for item in self.all(".menu button"):
            if item.text.startswith(label):
                item.click()
                return
        raise AssertionError(f"the menu has no {label!r}: {[i.text for i in self.all('.menu *')]}")

    def shot(self, name):
        self.shots.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))

    def complaints(self):
        """Errors and warnings of the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def downloaded(self, suffix, seconds=20):
        """The newest whole file with that suffix, once it is there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = sorted(self.downloads.glob(f"*{suffix}"), key=os.path.getmtime)
            if found and found[-1].stat().st_size:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"no file *{suffix} arrived: {list(self.downloads.iterdir())}")

    def quit(self):
        try:
            self.driver.quit()
        except WebDriverException:
            pass  # it has gone already, which is what was wanted


__all__ = ["ROOT", "Browser", "By", "Keys", "Server", "skip"]
