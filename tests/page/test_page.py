#!/usr/bin/env python3
"""The web page in headless Chromium against the real server, with a real model and real speech.

    test_page.py PROGRAM [--model MODEL] [--shots DIR] [--url URL]

Uploads recordings, watches them become text, reads along, edits, names speakers, searches,
exports, records from a (synthetic) microphone, changes theme and width, and goes about by the
keyboard alone. The console must stay silent. Screenshots are written to --shots. --url asks a
server that is running already.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
import zipfile
from pathlib import Path

from browser import ROOT, Browser, Keys, Server, skip

NARROW = 360
TOUCH = 44
SHARED = Path(os.environ.get("AMANUENSIS_SHARED", ROOT.parent / "shared"))
SPEECH = SHARED / "audio/english/misc/jfk.flac"
CHAPTER = SHARED / "audio/long/19-198_chapter.opus"


def equal(got, expected):
    assert got == expected, f"{got!r}, not {expected!r}"


# ---- Modules, without a server -----------------------------------------------------------------

def modules(page):
    """The model of a transcript and the parser of events, as the browser runs them."""
    page.open()
    equal(page.run_async(r"""
        const {Transcript, alignment, lastBegun} = await import('/web/doc.js');
        const {eventParser} = await import('/web/events.js');
        const {fileName} = await import('/web/api.js');
        const check = (got, expected) => {
            const [a, b] = [got, expected].map((value) => JSON.stringify(value));
            if (a !== b) throw new Error(`${a}, not ${b}`);
        };
        /* As the server sends it: without spaces. */
        const word = (text, start, end) => ({word: text.trim(), start, end, probability: 0.5});
        const doc = new Transcript({segments: [
            {start: 0, end: 3, text: ' One two three', speaker: null,
             words: [word(' One', 0, 1), word(' two', 1, 2), word(' three', 2, 3)]},
            {start: 3, end: 5, text: ' four five', speaker: null,
             words: [word(' four', 3, 4), word(' five', 4, 5)]}]});
        const texts = () => doc.segments.map((segment) => segment.text.trim());
        const first = () => doc.segments[0].words.map(({word, start, end}) => [word, start, end]);

        doc.setText(0, 'One  too many three');   /* a word became two: they share its time */
        check(first(), [[' One', 0, 1], [' too', 1, 1.444], [' many', 1.444, 2], [' three', 2, 3]]);
        check(doc.segments[0].words[1].probability, 1);
        check(doc.undo(), 'editing');
        check(texts(), ['One two three', 'four five']);
        check(doc.dirty, false);
        check(doc.redo(), 'editing');
        doc.undo();
        check(doc.setText(0, ' One two three '), false);

        check([doc.split(0, 0), doc.split(0, 3), doc.split(0, 1)], [false, false, true]);
        check(texts(), ['One', 'two three', 'four five']);
        check([doc.segments[0].end, doc.segments[1].start], [1, 1]);
        check([doc.merge(2), doc.merge(1)], [false, true]);
        check(texts(), ['One', 'two three four five']);

        doc.setSpeaker(0, 'A');
        doc.setSpeaker(1, 'B');
        check([...doc.speakers()], [['A', 1], ['B', 4]]);
        check(doc.plainText(), 'A: One\n\nB: two three four five');
        doc.renameSpeakers(new Map([['A', 'Ada'], ['B', 'Ada']]));
        check([...doc.speakers()], [['Ada', 5]]);
        check(doc.toJson().segments[1].words[0], {word: 'two', start: 1, end: 2, probability: 0.5,
                                                  speaker: 'Ada'});
        doc.setText(0, '');
        check(texts(), ['two three four five']);
        while (doc.canUndo) doc.undo();
        check(doc.dirty, false);

        check(alignment(['a', 'b', 'c', 'd'], ['a', 'x', 'c', 'd']), [[0, 0], [2, 2], [3, 3]]);
        check(alignment([], ['a']), []);
        check([-1, 0, 1.5, 9].map((t) => lastBegun([{start: 0}, {start: 1}], t)), [-1, 0, 1, 1]);

        const japanese = new Transcript({segments: [{
            start: 0, end: 2, text: '今日は', speaker: null,
            words: [word('今日', 0, 1), word('は', 1, 2)]}]});
        japanese.setText(0, '今日は晴れ');
        check(japanese.segments[0].text, '今日は晴れ');

        const stream = 'event: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\n: ping\n\n'
            + 'event: b\ndata: é\n\n';
        for (let cut = 0; cut <= stream.length; cut++) {
            const seen = [];
            const push = eventParser((type, data) => seen.push([type, data]));
            push(stream.slice(0, cut));
            push(stream.slice(cut));
            check(seen, [['a', '{"x":\n1}'], ['b', 'é']]);
        }

        check(fileName('attachment; filename="a \\"b\\".srt"'), 'a "b".srt');
        check(fileName("attachment; filename=x.txt; filename*=UTF-8''%C3%A9.txt"), 'é.txt');
        return 'well';
    """), "well")


# ---- What a person does ------------------------------------------------------------------------

def upload_and_read(page):
    """One recording: sent, shown as text by itself, with its words."""
    page.open()
    page.shot("home")
    page.one("#files").send_keys(str(SPEECH))
    page.wait("location.hash.startsWith('#/j')", 60)
    page.wait("document.querySelector('.w') && !document.querySelector('#job-bar').hidden", 120)
    text = page.text("#segments").lower()
    assert "your country can do for you" in text, text
    assert "words" in page.text("#job-meta"), page.text("#job-meta")
    equal(page.text("#job-title"), SPEECH.name)
    page.wait("document.querySelector('#audio').readyState > 0", what="the recording")
    page.shot("transcript")


def seek(page):
    """A click on a word moves the player there and lights the word; playing moves the light."""
    words = page.all(".w")
    words[5].click()
    want = page.run("return document.querySelectorAll('.w')[5].textContent")
    page.wait("document.querySelector('.w.now')")
    equal(page.text(".w.now"), want)
    assert page.run("return document.querySelector('#audio').currentTime") > 0
    page.click("#play")
    page.wait(f"document.querySelector('.w.now').textContent !== {want!r}", what="the next word")
    page.click("#play")
    page.wait("document.querySelector('#audio').paused")
    drawn = page.run("""const c = document.querySelector('#wave');
        return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((x) => x > 0);""")
    assert drawn, "no waveform"
    page.run("document.querySelector('#wave').focus()")
    page.keys(Keys.HOME)
    page.wait("document.querySelector('#audio').currentTime < 0.01")
    page.keys(Keys.ARROW_RIGHT)
    page.wait("document.querySelector('#audio').currentTime > 4.9")


def saved(page):
    page.wait("document.querySelector('#save-state').textContent === 'Saved'", what="saving")


def result(page, form="json"):
    """What the server says of the open job."""
    job = page.run("return location.hash.slice(2)")
    with urllib.request.urlopen(f"{page.url}/jobs/{job}/result?format={form}") as answer:
        body = answer.read()
    return json.loads(body) if form == "json" else body.decode()


def edit(page):
    """Typing into a segment; the server has it; undo and redo; split and merge at the caret."""
    before = page.text(".seg-text")
    page.click(".w")
    page.keys("e")
    page.wait("document.activeElement.matches('.seg-field')")
    page.shot("editing")
    page.keys(Keys.CONTROL + Keys.HOME, "Listen: ", Keys.ESCAPE)
    page.wait("document.querySelector('.seg-text').textContent.startsWith('Listen: ')")
    saved(page)
    assert result(page)["text"].strip().startswith("Listen: "), result(page)["text"]
    page.keys(Keys.CONTROL + "z")
    equal(page.text(".seg-text"), before)
    page.keys(Keys.CONTROL + "y")
    assert page.text(".seg-text").startswith("Listen: ")
    n = len(page.all(".seg"))
    page.keys(Keys.ENTER)
    page.wait("document.activeElement.matches('.seg-field')")
    page.keys(Keys.CONTROL + Keys.HOME, *[Keys.ARROW_RIGHT] * 7, Keys.ENTER)
    page.wait(f"document.querySelectorAll('.seg').length === {n + 1}", what="the split")
    equal(page.text(".seg-text"), "Listen:")
    page.wait("document.activeElement.matches('.seg-field')")
    page.keys(Keys.BACKSPACE)
    page.wait(f"document.querySelectorAll('.seg').length === {n}", what="the merger")
    page.keys(Keys.ESCAPE)
    assert page.text(".seg-text").startswith("Listen: ")
    saved(page)
    equal(len(result(page)["segments"]), n)


def speakers(page):
    """A name for a speaker, another name, and the merger of two; exports have them."""
    def name(text):
        page.wait("document.querySelector('#name-dialog').open")
        page.keys(Keys.CONTROL + "a")
        page.keys(text, Keys.ENTER)
        page.wait("!document.querySelector('#name-dialog').open")

    page.run("document.querySelector('.seg').focus()")
    page.keys("s")
    page.wait("document.querySelectorAll('.seg').length > 1")
    for i, who in enumerate(("Jack", "Robert")):
        page.run("document.querySelectorAll('.seg')[arguments[0]].focus()", i)
        page.keys("p")
        page.menu("New speaker")
        name(who)
        page.wait(f"document.querySelectorAll('.who').length === {i + 1}")
    page.shot("speakers")
    page.click(".who")
    page.menu("Rename")
    name("John F. Kennedy")
    page.wait("document.querySelector('.who').textContent === 'John F. Kennedy'")
    saved(page)
    equal([segment["speaker"] for segment in result(page)["segments"]][:2],
          ["John F. Kennedy", "Robert"])
    page.click("#speakers-button")
    page.wait("document.querySelector('#speakers-dialog').open")
    page.shot("speakers_dialog")
    page.run("document.querySelectorAll('#speaker-rows input')[1].value = 'John F. Kennedy'")
    page.click("#speakers-dialog .primary")
    page.wait("document.querySelectorAll('.who').length === 1", what="one speaker")
    saved(page)
    assert {segment["speaker"] for segment in result(page)["segments"]} <= {"John F. Kennedy", None}


def find(page):
    """Search in the transcript: counted, marked, closed."""
    page.run("document.activeElement.blur()")
    page.keys("/")
    page.wait("document.activeElement.id === 'find-text'")
    page.keys("country")
    page.wait("/^\\d of [2-9]$/.test(document.querySelector('#find-count').textContent)")
    assert page.all(".w.hit") and page.all(".w.hit-now")
    page.keys("zzz")
    page.wait("document.querySelector('#find-count').textContent === 'nothing found'")
    page.keys(Keys.ESCAPE)
    equal(len(page.all(".w.hit")), 0)


def export(page):
    """Every format arrives as a file with the edited text."""
    for label, suffix in (("Plain text", ".txt"), ("Word", ".docx"), ("Web page", ".html"),
                          ("Subtitles, SubRip", ".srt"), ("Subtitles, WebVTT", ".vtt"),
                          ("All data", ".json"), ("Table, commas", ".csv"),
                          ("Table, tabs", ".tsv")):
        page.click("#export-button")
        if suffix == ".txt":
            page.shot("export")
        page.menu(label)
        path = page.downloaded(suffix)
        if suffix == ".docx":
            content = zipfile.ZipFile(path).read("word/document.xml").decode()
        else:
            content = path.read_text(encoding="utf-8")
        assert "Listen:" in content and "country" in content, (suffix, content[:200])


def doubts(page):
    """Shading of doubtful words, remembered."""
    page.run("document.activeElement.blur()")
    page.keys("c")
    equal(page.one("#doubt-button").get_attribute("aria-pressed"), "true")
    page.driver.refresh()
    page.wait("document.querySelector('.w')")
    equal(page.one("#doubt-button").get_attribute("aria-pressed"), "true")
    page.keys("c")


def original(page):
    """Back to what was transcribed."""
    page.click("#job-more")
    page.menu("Back to the original")
    page.wait("document.querySelector('#ask-dialog').open")
    page.click("#ask-yes")
    page.wait("!document.querySelector('.seg-text').textContent.startsWith('Listen')")
    assert not page.all(".who")


def progress_and_cancel(page):
    """Two long recordings: real progress with text as it comes, and one that is cancelled."""
    if not CHAPTER.exists():
        print("skipped: progress: no long recording (../shared)")
        return
    page.open()
    page.one("#files").send_keys(f"{CHAPTER}\n{CHAPTER}")
    page.wait("document.querySelectorAll('.row.queued, .row.running').length === 2", 60)
    page.press(lambda: page.all("[aria-label^=Cancel]")[-1])
    page.wait("document.querySelector('.row.cancelled')", what="the cancelled one")
    page.click(".row.running a")
    page.wait("location.hash.startsWith('#/j')")
    seen, spoken = [], set()
    end = time.monotonic() + 300
    while not page.all("#job-bar:not([hidden])") and time.monotonic() < end:
        value = page.run("return document.querySelector('#job-state .progress')?.ariaValueNow")
        if value and int(value) not in seen:
            seen.append(int(value))
            spoken.update(page.run("return [...document.querySelectorAll('.seg-text')]"
                                   ".map((x) => x.textContent)"))
            if int(value) > 20 and page.all(".seg") and not (page.shots / "running.png").exists():
                page.shot("running")
    assert len([value for value in seen if 0 < value < 100]) >= 2, f"progress was {seen}"
    equal(seen, sorted(seen))
    assert spoken, "no text came while it ran"
    assert all(" " in text.strip() for text in spoken if len(text) > 30), spoken
    page.wait("document.querySelectorAll('.seg').length > 20", 60)
    page.open()
    page.wait("document.querySelector('.row.cancelled')")
    page.click(".row.cancelled [aria-label^=Remove]")
    page.click("#ask-yes")
    page.wait("!document.querySelector('.row.cancelled')", what="its removal")


def history(page):
    """The list, and search over all transcripts."""
    page.open()
    page.wait("document.querySelector('.row.done')")
    page.run("document.activeElement.blur()")
    page.keys("g")
    page.keys("country")
    page.wait("document.querySelector('.row-snippet mark')", what="a match")
    page.shot("search")
    page.click(".row-main")
    page.wait("document.querySelector('.w.hit')", what="the match in the text")


def broken_file(page, folder):
    """A file that is no recording is refused in the server's words."""
    path = Path(folder, "no recording.mp3")
    path.write_text("This is not audio.\n" * 50, encoding="utf-8")
    page.open()
    page.one("#files").send_keys(str(path))
    line = page.wait("document.querySelector('.row-line.bad')?.textContent", 30)
    assert len(line) > 10, line
    page.shot("refused")
    page.complaints()  # the refused request is in the console, by the browser's own habit
    page.click("[aria-label^='Do not send'], .row.failed [aria-label^=Remove]")
    if page.all("#ask-dialog[open]"):
        page.click("#ask-yes")
    page.wait("!document.querySelector('.row-line.bad')", what="its removal")


def record(page):
    """The microphone (a beeping one of Chromium's) becomes a job."""
    page.open()
    page.keys("r")
    page.wait("!document.querySelector('#recorder').hidden")
    page.wait("document.querySelector('#recorder-time').textContent === '0:02'")
    page.shot("recording")
    page.click("#recorder-done")
    page.wait("document.querySelector('.row-name')?.textContent.startsWith('Recording 2')", 60)
    page.wait("document.querySelector('.row.done .row-name')?.textContent.startsWith('Recording')",
              60, "the recording's transcript")


def themes(page):
    """Dark and illuminated, remembered over a new load; contrast of text in each."""
    page.open()
    page.wait("document.querySelector('.row.done a')")
    name = json.dumps(SPEECH.name)
    page.run(f"[...document.querySelectorAll('.row.done')].find((row) => row.querySelector("
             f"'.row-name').textContent === {name}).querySelector('a').click()")
    page.wait("document.querySelector('.w')")
    for label, theme in (("Dark", "dark"), ("Illuminated", "illuminated"), ("Light", "light")):
        page.click("#theme-button")
        page.menu(label)
        page.driver.refresh()
        page.wait("document.querySelector('.w')")
        equal(page.run("return document.documentElement.dataset.theme"), theme)
        page.all(".w")[3].click()
        page.wait("document.querySelector('.w.now')")
        time.sleep(0.3)  # until colours have changed over
        page.shot(theme)
        low = page.run(CONTRAST)
        assert not low, f"{theme}: contrast below 4.5: {low}"


# Contrast ratio (WCAG 2) of every text on the screen with the ground it stands on.
CONTRAST = r"""
    const parse = (colour) => (colour.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const channel = (x) => x <= 10.31475 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const low = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility({opacityProperty: true}))
            continue;
        if (element.closest(':disabled, option, .visually-hidden, noscript')) continue;
        const [a, b] = [parse(getComputedStyle(element).color), ground(element)].map(light);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low.add(`${element.className || element.tagName} ${ratio.toFixed(2)}`);
    }
    return [...low].join(', ');
"""


def phone(page):
    """360 pixels: nothing to scroll sideways, and everything big enough for a finger."""
    page.size(NARROW, 740, phone=True)
    for view, hash_of in (("phone_transcript", None), ("phone_home", "/#/")):
        if hash_of:
            page.open(hash_of)
            page.driver.refresh()
            page.wait("document.querySelector('.row')")
        time.sleep(0.3)
        page.shot(view)
        width = page.run("return document.documentElement.scrollWidth")
        assert width <= NARROW, f"{view} is {width} wide"
        small = page.run(f"""return [...document.querySelectorAll(
            'button, select, input:not([type=checkbox]), a, label.check, canvas[tabindex]')]
            .filter((x) => x.checkVisibility() && !x.closest('.visually-hidden, .seg-body')
                    && !x.matches('.skip, #files'))
            .map((x) => [x, x.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.height < {TOUCH} || box.width < {TOUCH}))
            .map(([x, box]) => `${{x.id || x.className}} ${{box.width}}x${{box.height}}`);""")
        assert not small, f"{view}: smaller than {TOUCH}: {small}"
    page.size(1360, 860)


def names_for_all(page):
    """Whatever can be pressed has a name to be spoken; ids are unique; the dialog of shortcuts."""
    page.open()
    nameless = page.run("""return [...document.querySelectorAll('button, a, input, select, [role]')]
        .filter((x) => x.checkVisibility() && !x.matches('[role=presentation], [role=status]'))
        .filter((x) => !(x.ariaLabel || x.textContent.trim() || x.labels?.length || x.title
                         || x.getAttribute('aria-labelledby')))
        .map((x) => x.outerHTML);""")
    assert not nameless, nameless
    twice = page.run("""const ids = [...document.querySelectorAll('[id]')].map((x) => x.id);
        return ids.filter((id, i) => ids.indexOf(id) !== i);""")
    assert not twice, twice
    missing = page.run("""return [...document.querySelectorAll('use')]
        .map((x) => x.getAttribute('href')).filter((id) => !document.querySelector(id));""")
    assert not missing, missing
    page.keys("?")
    page.wait("document.querySelector('#shortcuts-dialog').open")
    page.shot("shortcuts")
    page.keys(Keys.ESCAPE)
    page.wait("!document.querySelector('#shortcuts-dialog').open")


def long_transcript(page):
    """Ten hours of text: only what is near the screen has elements, and moving stays quick."""
    answer = page.run_async(r"""
        const {SegmentList} = await import('/web/segments.js');
        const root = document.createElement('div');
        root.className = 'segments';
        document.querySelector('#main').replaceChildren(root);
        const list = new SegmentList(root, () => 1);
        const segments = Array.from({length: 12000}, (_, i) => ({
            start: i * 3, end: i * 3 + 3, text: 'ten words of speech that was said long ago here',
            speaker: i % 9 ? 'A' : 'B', words: Array.from({length: 10}, (_, w) =>
                ({word: ` word${w}`, start: i * 3 + w * 0.3, end: i * 3 + w * 0.3 + 0.3,
                  probability: 0.9}))}));
        const began = performance.now();
        list.update(segments);
        await new Promise((done) => setTimeout(done, 100));
        const built = performance.now() - began - 100;
        const moving = performance.now();
        for (let i = 0; i < 12000; i += 400) list.lightAt(i * 3 + 1.5);
        list.reveal(11000);
        await new Promise((done) => setTimeout(done, 300));
        list.lightAt(33001);
        const changed = segments.slice();
        changed[11000] = {...changed[11000], text: 'new', words: [{word: ' new', start: 33000,
            end: 33003, probability: 1}]};
        list.update(changed);
        return {built, moved: performance.now() - moving - 300,
                rows: root.querySelectorAll('.seg').length, chunks: root.children.length,
                text: list.element(11000).querySelector('.seg-text').textContent,
                now: root.querySelector('.seg.now')?.dataset.i};
    """)
    assert isinstance(answer, dict), answer
    equal(answer["text"], "new")
    assert answer["rows"] < 400, answer
    assert answer["built"] < 1500 and answer["moved"] < 1500, answer
    print(f"  12000 segments: {answer['built']:.0f} ms to show, {answer['rows']} with elements")


TESTS = (modules, upload_and_read, seek, edit, speakers, find, export, doubts, original,
         progress_and_cancel, history, broken_file, record, themes, phone, names_for_all,
         long_transcript)


def with_key(page, program, model):
    """A server with keys: the page asks for one, and everything goes with it."""
    server = Server(program, model, with_key=True)
    try:
        page.url = server.url
        page.driver.get(server.url)
        page.wait("document.querySelector('#key-dialog').open")
        page.shot("key")
        page.keys("wrong", Keys.ENTER)
        page.wait("document.querySelector('#key-dialog').open"
                  " && document.querySelector('#key-text').value === 'wrong'", what="another try")
        page.keys(Keys.CONTROL + "a", server.key, Keys.ENTER)
        page.wait("document.querySelector('#f-model option')", what="the models")
        page.one("#files").send_keys(str(SPEECH))
        page.wait("document.querySelector('.w')", 120)
        page.wait("document.querySelector('#audio').readyState > 0", what="the recording")
        page.all(".w")[5].click()
        page.wait("document.querySelector('.w.now')")
        page.click("#export-button")
        page.menu("Plain text")
        assert "country" in page.downloaded(".txt").read_text(encoding="utf-8")
        refused = [line for line in page.complaints() if "401" not in line]
        assert not refused, refused
    finally:
        page.driver.get("about:blank")
        server.stop()


def run(page, only):
    """Runs the tests in order, on one page; a console that speaks is a failure of its test."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for test in TESTS:
            if only and test.__name__ not in only:
                continue
            try:
                test(*((page, folder) if test is broken_file else (page,)))
                complaints = page.complaints()
                assert not complaints, f"the console says {complaints}"
                print(f"ok: {test.__name__}", flush=True)
            except Exception as error:  # whatever it is, the next test may still tell something
                failed += 1
                page.shot(f"failed_{test.__name__}")
                print(f"  line {traceback.extract_tb(error.__traceback__)[1].lineno}")
                print(f"FAILED: {test.__name__}: {type(error).__name__}: "
                      f"{str(error).split(chr(10) + 'Stacktrace')[0]}", flush=True)
                page.complaints()
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--shots", type=Path, default=Path("build/shots"))
    parser.add_argument("--url")
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    if not SPEECH.exists():
        skip("the page in a browser: no speech to send (../shared)")
    if arguments.program and not arguments.url:
        known = subprocess.run([arguments.program, "models"], capture_output=True, text=True,
                               check=False).stdout
        installed = any(line.startswith(f"{arguments.model} ") and os.sep in line.split()[-1]
                        for line in known.splitlines())
        if not installed and not Path(arguments.model).exists():
            skip(f"the page in a browser: the model {arguments.model} is not installed")
    with tempfile.TemporaryDirectory() as downloads:
        server = None if arguments.url else Server(arguments.program, arguments.model)
        page = None
        try:
            page = Browser(arguments.url or server.url, Path(downloads), arguments.shots.resolve())
            failed = run(page, arguments.only)
            if arguments.program and (not arguments.only or "with_key" in arguments.only):
                for old in Path(downloads).iterdir():
                    old.unlink()
                with_key(page, arguments.program, arguments.model)
                print("ok: with_key")
            if failed and server:
                print("\n".join(line for line in server.errors().splitlines()
                                if " info " not in line)[-4000:])
        finally:
            if page:
                page.quit()
            if server:
                server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
