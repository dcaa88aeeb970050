/*
 * Correcting the text where it stands: a segment becomes editable, Enter splits it at the caret,
 * Backspace at its start merges it with the one before. Also the menu of a segment.
 *
 * Everything goes through `host`: {doc, list, player, apply(changed, focus), say} of transcript.js.
 */
import {announce, clock, h, openMenu} from './dom.js';
import {speakerMenu} from './speakers.js';

let open = null; /* {i, field, host}: the segment being edited */

export const isEditing = () => open !== null;

/* ---- The field ----------------------------------------------------------------------------- */

/* Starts editing segment i with the caret at `offset` of its text, or at its end. */
export function edit(host, i, offset = null) {
    finish();
    const segment = host.doc.segments[i];
    const row = segment && host.list.element(i);
    const text = row?.querySelector('.seg-text');
    if (!text || !host.list.editable) return;
    const field = h('div', {
        class: 'seg-field', role: 'textbox', 'aria-multiline': 'false', spellcheck: 'true',
        'aria-label': `Text at ${clock(segment.start)}`, dir: 'auto',
    }, segment.text.trim());
    /* plaintext-only where the browser knows it; elsewhere pasting is made plain below. */
    field.contentEditable = 'plaintext-only';
    if (field.contentEditable !== 'plaintext-only') field.contentEditable = 'true';
    text.replaceWith(field);
    row.classList.add('editing');
    open = {i, field, host};
    field.addEventListener('keydown', onKey);
    field.addEventListener('paste', pastePlain);
    field.addEventListener('blur', () => { if (open?.field === field) finish(); });
    placeCaret(field, offset ?? field.textContent.length);
    host.list.reveal(i);
}

/* Ends editing; what was written becomes the text. */
export function finish() {
    if (!open) return;
    const {i, field, host} = open;
    open = null;
    const changed = host.doc.setText(i, field.textContent);
    if (changed) host.apply();
    else host.list.redraw(i);
}

function onKey(event) {
    const {i, field, host} = open;
    const caret = caretOffset(field);
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    event.stopPropagation();
    if (event.key === 'Escape' || (event.key === 'Enter' && !plain)) {
        event.preventDefault();
        finish();
        host.list.focus(Math.min(i, host.doc.segments.length - 1));
    } else if (event.key === 'Enter') {
        event.preventDefault();
        if (!event.isComposing) splitAtCaret(host, i, field.textContent, caret);
    } else if (event.key === 'Backspace' && caret === 0 && i > 0 && nothingSelected()) {
        event.preventDefault();
        finish();
        joinAndEdit(host, i - 1);
    } else if (event.key === 'Delete' && caret === field.textContent.length && nothingSelected()
               && i + 1 < host.doc.segments.length) {
        event.preventDefault();
        finish();
        joinAndEdit(host, i);
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
        event.preventDefault();
        finish();
        host.save();
    }
}

function splitAtCaret(host, i, text, caret) {
    const before = text.slice(0, caret).replace(/\s+/g, ' ').trim();
    finish();
    /* The word the caret stood in front of: the first that the text before it does not cover. */
    const words = host.doc.segments[i]?.words || [];
    let covered = '', at = 0;
    while (at < words.length && (covered + words[at].word).trim().length <= before.length)
        covered += words[at++].word;
    if (host.doc.split(i, at)) {
        host.apply();
        announce('Split');
        edit(host, i + 1, 0);
    } else {
        edit(host, i, caret);
    }
}

function joinAndEdit(host, i) {
    const caret = host.doc.segments[i].text.trim().length;
    if (!host.doc.merge(i)) return;
    host.apply();
    announce('Merged');
    edit(host, i, caret);
}

function pastePlain(event) {
    event.preventDefault();
    const text = event.clipboardData.getData('text/plain').replace(/\s+/g, ' ');
    const selection = getSelection();
    if (!text || !selection.rangeCount) return;
    const range = selection.getRangeAt(0);
    range.deleteContents();
    range.insertNode(document.createTextNode(text));
    selection.collapseToEnd();
}

const nothingSelected = () => getSelection().isCollapsed;

function placeCaret(field, offset) {
    field.focus({preventScroll: true});
    const node = field.firstChild;
    if (node) getSelection().collapse(node, Math.min(offset, node.length));
}

/* Characters of the field in front of the caret. */
function caretOffset(field) {
    const selection = getSelection();
    if (!selection.rangeCount) return 0;
    const range = selection.getRangeAt(0).cloneRange();
    range.setStart(field, 0);
    return range.toString().length;
}

/* ---- Deeds of a segment -------------------------------------------------------------------- */

/* Where a segment is best cut without a caret: at the word being spoken, else in front of the
 * longest pause, else in the middle. */
export function splitSegment(host, i) {
    const {words} = host.doc.segments[i];
    let [at, word] = host.list.current;
    if (at !== i || word < 1) {
        word = Math.floor(words.length / 2);
        let longest = 0.05;
        for (let w = 1; w < words.length; w++) {
            const gap = words[w].start - words[w - 1].end;
            if (gap > longest) [longest, word] = [gap, w];
        }
    }
    if (!host.doc.split(i, word)) return;
    host.apply();
    host.list.focus(i + 1);
    announce('Split');
}

export function mergeSegment(host, i) {
    if (!host.doc.merge(i)) return;
    host.apply();
    host.list.focus(i);
    announce('Merged');
}

export function removeSegment(host, i) {
    if (!host.doc.remove(i)) return;
    host.apply();
    host.list.focus(Math.min(i, host.doc.segments.length - 1));
    host.say('Segment deleted');
}

/* ---- Menus --------------------------------------------------------------------------------- */

export function segmentMenu(host, i, button) {
    const last = i + 1 >= host.doc.segments.length;
    openMenu(button, [
        {label: 'Edit', icon: 'edit', hint: 'Enter', run: () => edit(host, i)},
        {label: 'Play from here', icon: 'play', run: () => host.playFrom(i)},
        {label: 'Speaker…', icon: 'people', hint: 'P', run: () => speakerMenu(host, i, button)},
        '-',
        {label: 'Split', icon: 'split', hint: 'S', run: () => splitSegment(host, i)},
        {label: 'Merge with next', icon: 'merge', hint: 'M', disabled: last,
         run: () => mergeSegment(host, i)},
        {label: 'Delete', icon: 'trash', run: () => removeSegment(host, i)},
    ], `Segment at ${clock(host.doc.segments[i].start)}`);
}
