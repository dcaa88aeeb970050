/*
 * The text on the screen. A transcript of hours has thousands of segments: they are kept in chunks
 * of which only those near the screen have elements; the others are empty boxes of the height they
 * had, or would have. The browser's scroll anchoring keeps the text still while boxes fill.
 *
 * What is shown is told by references: a segment that is the same object has not changed.
 */
import {lastBegun} from './doc.js';
import {clock, h, icon} from './dom.js';

const CHUNK = 40;
const NEAR = '1200px 0px'; /* what counts as near the screen */

/* Below these probabilities a word is shaded. */
const DOUBTS = [[0.3, 'doubt-3'], [0.5, 'doubt-2'], [0.65, 'doubt-1']];
export const isDoubtful = (word) => word.probability !== null && word.probability < DOUBTS[1][0];

export class SegmentList {
    /* `root`: the element; `colours(name)`: number of a speaker's colour. */
    constructor(root, colours) {
        this.root = root;
        this.colours = colours;
        this.editable = true;
        this.chunks = [];
        this.segments = [];
        this.current = [-1, -1]; /* segment and word being spoken */
        this.focused = 0;
        this.hits = new Map();   /* segment index → [[from, to]…] in its text */
        this.watch = new IntersectionObserver((entries) => this.#seen(entries),
                                              {rootMargin: NEAR});
    }

    clear() {
        this.watch.disconnect();
        this.chunks = [];
        this.segments = [];
        this.hits.clear();
        this.current = [-1, -1];
        this.focused = 0;
        this.root.replaceChildren();
    }

    /* Shows `segments`; only chunks in which something differs are touched. */
    update(segments) {
        const old = this.segments;
        let head = 0, tail = 0;
        while (head < old.length && head < segments.length && old[head] === segments[head]) head++;
        while (tail < Math.min(old.length, segments.length) - head
               && old[old.length - 1 - tail] === segments[segments.length - 1 - tail]) tail++;
        this.segments = segments;
        if (head === old.length && head === segments.length) return;
        this.current = [-1, -1];
        this.#rechunk(head, old.length - tail, segments.length - tail);
        this.focused = Math.min(this.focused, Math.max(0, segments.length - 1));
    }

    /* Segments [from, oldEnd) have become [from, newEnd). */
    #rechunk(from, oldEnd, newEnd) {
        let first = this.chunks.findIndex((chunk) => from < chunk.from + chunk.n);
        if (first < 0) first = Math.max(0, this.chunks.length - 1);
        let last = first;
        while (last + 1 < this.chunks.length && this.chunks[last + 1].from < oldEnd) last++;
        /* The speaker's name is shown where it changes: the segment behind may show another. */
        const begin = this.chunks[first]?.from ?? 0;
        const grown = newEnd - oldEnd;
        const oldStop = this.chunks.length ? this.chunks[last].from + this.chunks[last].n : 0;
        const stop = Math.max(oldStop + grown, newEnd);
        const gone = this.chunks.slice(first, last + 1);
        const wasShown = gone.some((chunk) => chunk.shown) || this.chunks.length < 2;
        const fresh = [];
        const n = stop - begin;
        const parts = Math.max(n ? 1 : 0, Math.round(n / CHUNK));
        for (let i = 0; i < parts; i++) {
            const at = begin + Math.floor(n * i / parts);
            fresh.push(this.#newChunk(at, begin + Math.floor(n * (i + 1) / parts) - at));
        }
        const anchor = gone.length ? gone[gone.length - 1].element.nextSibling
            : this.chunks[first]?.element ?? null;
        gone.forEach((chunk) => { this.watch.unobserve(chunk.element); chunk.element.remove(); });
        fresh.forEach((chunk) => this.root.insertBefore(chunk.element, anchor));
        this.chunks.splice(first, gone.length, ...fresh);
        for (let i = first + fresh.length; i < this.chunks.length; i++) this.chunks[i].from += grown;
        if (grown) this.#renumber(first + fresh.length);
        if (wasShown) fresh.slice(0, 3).forEach((chunk) => this.#show(chunk));
        fresh.forEach((chunk) => this.watch.observe(chunk.element));
        const behind = this.chunks[first + fresh.length];
        if (behind?.shown) this.#show(behind);
    }

    #renumber(from) {
        for (const chunk of this.chunks.slice(from)) {
            if (!chunk.shown) continue;
            [...chunk.element.children].forEach((row, i) => { row.dataset.i = chunk.from + i; });
        }
    }

    #newChunk(from, n) {
        const chunk = {from, n, shown: false, element: h('div', {class: 'chunk', role: 'presentation'})};
        chunk.element.chunk = chunk;
        chunk.element.style.height = `${this.#guessHeight(from, n)}px`;
        return chunk;
    }

    #guessHeight(from, n) {
        const perLine = Math.max(20, Math.min(this.root.clientWidth - 90, 700) / 9.5);
        let height = 0;
        for (let i = from; i < from + n; i++)
            height += 6 + 31 * Math.max(1, Math.ceil(this.segments[i].text.length / perLine));
        return height;
    }

    #seen(entries) {
        for (const {target, isIntersecting} of entries) {
            const {chunk} = target;
            if (!chunk || !this.chunks.includes(chunk)) continue;
            if (isIntersecting && !chunk.shown) this.#show(chunk);
            else if (!isIntersecting && chunk.shown) this.#hide(chunk);
        }
    }

    #show(chunk) {
        const rows = [];
        for (let i = chunk.from; i < chunk.from + chunk.n; i++) rows.push(this.#row(i));
        chunk.element.replaceChildren(...rows);
        chunk.element.style.height = '';
        chunk.shown = true;
        this.#light();
    }

    /* Not while the reader is at work in it. */
    #hide(chunk) {
        if (chunk.element.contains(document.activeElement)) return;
        chunk.element.style.height = `${chunk.element.offsetHeight}px`;
        chunk.element.replaceChildren();
        chunk.shown = false;
    }

    /* ---- A segment ---- */

    #row(i) {
        const segment = this.segments[i];
        const newTurn = segment.speaker !== null
            && (i === 0 || this.segments[i - 1].speaker !== segment.speaker);
        const row = h('div', {
            class: `seg${newTurn ? ' turn' : ''}`, role: 'listitem', data: {i},
            tabindex: i === this.focused ? '0' : '-1',
        });
        row.append(h('button', {class: 'seg-time', type: 'button', tabindex: '-1',
                                'aria-label': `Play from ${clock(segment.start)}`},
                     clock(segment.start)));
        const body = h('div', {class: 'seg-body'});
        if (newTurn) {
            const who = h(this.editable ? 'button' : 'span', {
                class: 'who', type: this.editable ? 'button' : null, tabindex: '-1',
                'aria-haspopup': this.editable ? 'menu' : null,
            }, segment.speaker);
            who.dataset.colour = this.colours(segment.speaker);
            body.append(who);
        }
        body.append(this.#text(i));
        row.append(body);
        if (this.editable) {
            row.append(h('div', {class: 'seg-tools'},
                h('button', {class: 'icon-button seg-edit', type: 'button', tabindex: '-1',
                             'aria-label': 'Edit this segment', title: 'Edit (Enter)'}, icon('edit')),
                h('button', {class: 'icon-button seg-more', type: 'button', tabindex: '-1',
                             'aria-label': 'More for this segment', 'aria-haspopup': 'menu'},
                  icon('more'))));
        }
        return row;
    }

    /* The words; those a search has found are marked. */
    #text(i) {
        const {words, speaker} = this.segments[i];
        const text = h('p', {class: 'seg-text', dir: 'auto'});
        if (speaker !== null) text.dataset.colour = this.colours(speaker);
        const hits = this.hits.get(i) || [];
        const trimmed = words.length ? words[0].word.length - words[0].word.trimStart().length : 0;
        let at = -trimmed;
        words.forEach((word, w) => {
            const bare = word.word.trim(), lead = word.word.indexOf(bare);
            if (w && lead > 0) text.append(' ');
            const from = at + lead, to = from + bare.length;
            let looks = 'w';
            const doubt = word.probability === null ? undefined
                : DOUBTS.find(([limit]) => word.probability < limit);
            if (doubt) looks += ` ${doubt[1]}`;
            if (hits.some(([a, b]) => a < to && b > from)) looks += ' hit';
            text.append(h('span', {class: looks, data: {w},
                                   title: doubt ? `${Math.round(word.probability * 100)} % sure`
                                       : null}, bare));
            at += word.word.length;
        });
        return text;
    }

    /* ---- Finding and lighting ---- */

    #chunkOf(i) {
        return this.chunks[lastBegun(this.chunks.map(({from}) => ({start: from})), i)];
    }

    /* The element of segment i; its chunk is filled if need be. */
    element(i) {
        const chunk = this.#chunkOf(i);
        if (!chunk || i >= chunk.from + chunk.n) return null;
        if (!chunk.shown) this.#show(chunk);
        return chunk.element.children[i - chunk.from];
    }

    redraw(i) {
        const row = this.element(i);
        if (row) row.replaceWith(this.#row(i));
        this.#light();
    }

    redrawAll() {
        for (const chunk of this.chunks) if (chunk.shown) this.#show(chunk);
    }

    setHits(hits) {
        this.hits = hits;
        this.redrawAll();
    }

    /* The word at `time`: [segment, word], -1 where there is none yet. */
    wordAt(time) {
        const i = lastBegun(this.segments, time);
        if (i < 0) return [-1, -1];
        return [i, lastBegun(this.segments[i].words, time)];
    }

    /* Lights the word at `time`. True when it moved to another segment. */
    lightAt(time) {
        const [i, w] = this.wordAt(time);
        const moved = i !== this.current[0];
        if (!moved && w === this.current[1]) return false;
        this.current = [i, w];
        this.#light();
        return moved && i >= 0;
    }

    #light() {
        for (const lit of this.root.querySelectorAll('.w.now, .seg.now')) lit.classList.remove('now');
        const [i, w] = this.current;
        const chunk = i < 0 ? null : this.#chunkOf(i);
        if (!chunk?.shown) return;
        const row = chunk.element.children[i - chunk.from];
        row?.classList.add('now');
        if (w >= 0) row?.querySelectorAll('.w')[w]?.classList.add('now');
    }

    /* Roving focus: one segment is in the order of Tab. */
    focus(i, {scroll = true} = {}) {
        if (i < 0 || i >= this.segments.length) return;
        for (const row of this.root.querySelectorAll('.seg[tabindex="0"]')) row.tabIndex = -1;
        this.focused = i;
        const row = this.element(i);
        row.tabIndex = 0;
        row.focus({preventScroll: true});
        if (scroll) this.reveal(i);
    }

    /* Scrolls so that segment i stands at a third of the height, unless it is well in sight. */
    reveal(i, always = false) {
        const row = this.element(i);
        if (!row) return;
        const box = row.getBoundingClientRect();
        const low = innerHeight * 0.15 + 60, high = innerHeight * 0.7;
        if (!always && box.top > low && box.bottom < high) return;
        const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
            || Math.abs(box.top - low) > innerHeight * 2;
        row.scrollIntoView({block: 'center', behavior: calm ? 'auto' : 'smooth'});
    }
}
