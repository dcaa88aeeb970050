/* Search in the open transcript: all matches marked, one after the other brought into sight. */
import {$} from './dom.js';

const MATCHES_MAX = 10000;

export class Find {
    /* `host`: {doc, list} of transcript.js. */
    constructor(host) {
        this.host = host;
        this.matches = []; /* [segment, from, to] */
        this.at = -1;
        const text = $('#find-text');
        text.addEventListener('input', () => this.#search());
        text.addEventListener('keydown', (event) => {
            if (event.key === 'Escape') this.close();
            else if (event.key === 'Enter' && event.shiftKey) this.step(-1);
            else return;
            event.preventDefault();
            event.stopPropagation();
        });
        $('#find').addEventListener('submit', (event) => {
            event.preventDefault();
            this.step(1);
        });
        $('#find-previous').addEventListener('click', () => this.step(-1));
        $('#find-close').addEventListener('click', () => this.close());
        $('#find-button').addEventListener('click', () => this.isOpen ? this.close() : this.open());
    }

    get isOpen() { return !$('#find').hidden; }

    open(query) {
        $('#find').hidden = false;
        $('#find-button').setAttribute('aria-expanded', 'true');
        if (query !== undefined) $('#find-text').value = query;
        $('#find-text').focus();
        $('#find-text').select();
        this.#search();
    }

    close() {
        const back = $('#find').contains(document.activeElement);
        $('#find').hidden = true;
        $('#find-button').setAttribute('aria-expanded', 'false');
        this.matches = [];
        this.host.list.setHits(new Map());
        if (back) $('#find-button').focus();
    }

    /* After an edit: the matches may be elsewhere. */
    refresh() { if (this.isOpen) this.#search(true); }

    #search(still = false) {
        const query = fold($('#find-text').value.trim());
        const hits = new Map();
        this.matches = [];
        if (query) {
            this.host.doc?.segments.forEach(({text}, i) => {
                const where = fold(text.trim());
                for (let from = where.indexOf(query); from >= 0;
                     from = where.indexOf(query, from + query.length)) {
                    if (this.matches.length >= MATCHES_MAX) return;
                    this.matches.push([i, from, from + query.length]);
                    hits.set(i, [...(hits.get(i) || []), [from, from + query.length]]);
                }
            });
        }
        this.host.list.setHits(hits);
        if (still) {
            this.at = Math.min(this.at, this.matches.length - 1);
            this.#count();
            return;
        }
        /* Begin at what is being read. */
        const here = this.host.list.current[0];
        this.at = this.matches.findIndex(([i]) => i >= here) - 1;
        if (this.at < -1) this.at = -1;
        this.step(1);
    }

    step(by) {
        const n = this.matches.length;
        if (n) {
            this.at = (this.at + by + n) % n;
            this.host.list.reveal(this.matches[this.at][0]);
            this.#markCurrent();
        }
        this.#count();
    }

    #markCurrent() {
        const [i, from, to] = this.matches[this.at];
        for (const old of document.querySelectorAll('.hit-now')) old.classList.remove('hit-now');
        const row = this.host.list.element(i);
        let at = 0;
        for (const word of row.querySelectorAll('.w')) {
            const start = this.host.doc.segments[i].text.trim().indexOf(word.textContent, at);
            if (start < to && start + word.textContent.length > from) word.classList.add('hit-now');
            at = start + word.textContent.length;
        }
    }

    #count() {
        const n = this.matches.length, empty = !$('#find-text').value.trim();
        $('#find-count').textContent = empty ? '' : n ? `${this.at + 1} of ${n}` : 'nothing found';
    }
}

/* Without case; characters keep their places, so that offsets hold. */
const fold = (text) => Array.from(text, (c) => {
    const small = c.toLowerCase();
    return small.length === c.length ? small : c;
}).join('');
