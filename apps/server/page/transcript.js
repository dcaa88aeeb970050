/*
 * The view of one job: its progress with the text as it comes while it runs, then the transcript
 * to be read, heard, searched, corrected and exported. Edits are saved by themselves a moment after
 * the last one.
 */
import {getJson, sendJson} from './api.js';
import {isDoubtful, SegmentList} from './segments.js';
import {Transcript} from './doc.js';
import {$, announce, ask, clock, complain, h, icon, languageName, openMenu, remember,
        remembered, toast} from './dom.js';
import {edit, finish, isEditing, mergeSegment, segmentMenu, splitSegment} from './editing.js';
import {copyText, exportMenu} from './export.js';
import {Find} from './find.js';
import * as jobs from './jobs.js';
import {Player} from './player.js';
import {progressBar, progressLine} from './progress.js';
import {editSpeakers, speakerMenu} from './speakers.js';

const SAVE_AFTER_MS = 1200;
const SCROLL_REST_MS = 4000; /* how long following waits after the reader has scrolled */
const COLOURS = 8;

const path = (id, rest = '') => `/jobs/${encodeURIComponent(id)}${rest}`;

export class JobView {
    constructor() {
        this.id = null;
        this.doc = null;
        this.colours = new Map();
        this.follow = remembered('follow', true);
        this.scrolledAt = 0;
        this.saving = null;
        this.list = new SegmentList($('#segments'), (name) => this.colour(name));
        this.player = new Player({
            onTime: (time) => this.#onTime(time),
            onPlaying: (playing) => $('#segments').classList.toggle('playing', playing),
        });
        this.find = new Find(this);
        this.#wireBar();
        this.#wireSegments();
        this.#setDoubt(remembered('doubt', false));
        this.#setFollow(this.follow);
        for (const type of ['wheel', 'touchmove'])
            addEventListener(type, () => { this.scrolledAt = Date.now(); }, {passive: true});
        jobs.listen((what, id, segment) => this.#onNews(what, id, segment));
    }

    /* ---- Coming and going ---- */

    async open(id, {query = ''} = {}) {
        await this.close();
        this.id = id;
        document.body.classList.add('reading');
        $('#job-title').textContent = jobs.jobOf(id)?.name || '';
        try {
            await jobs.fetchJob(id);
        } catch (error) {
            if (this.id === id) this.#showState(error.message);
            return;
        }
        if (this.id !== id) return;
        await this.#show();
        if (query && this.doc) this.find.open(query);
        else $('#job-title').focus({preventScroll: true});
    }

    async close() {
        finish();
        if (this.doc?.dirty) await this.save();
        this.id = null;
        this.doc = null;
        this.player.close();
        this.find.close();
        this.list.clear();
        this.colours.clear();
        document.body.classList.remove('reading');
        for (const part of ['#job-bar', '#job-state']) $(part).hidden = true;
        $('#job-meta').textContent = '';
        this.#saveState('');
    }

    get job() { return jobs.jobOf(this.id); }

    async #show() {
        const {job} = this;
        $('#job-title').textContent = job.name;
        this.#showMeta();
        if (job.status === 'done') await this.#showResult();
        else this.#showUnfinished();
    }

    async #showResult() {
        const {id} = this;
        $('#segments').setAttribute('aria-busy', 'true');
        try {
            const result = await getJson(path(id, '/result?format=json'));
            if (this.id !== id) return;
            this.result = result;
        } catch (error) {
            if (this.id === id) this.#showState(error.message);
            return;
        } finally {
            $('#segments').removeAttribute('aria-busy');
        }
        this.list.clear();
        this.list.editable = true;
        this.doc = new Transcript(this.result);
        $('#job-bar').hidden = false;
        $('#job-state').hidden = true;
        if (!this.doc.segments.length) this.#showState('No speech was found in this recording.');
        this.#showMeta();
        this.apply({save: false});
        this.player.open(this.job);
    }

    /* Waiting, running, failed, cancelled. */
    #showUnfinished() {
        const {job} = this;
        $('#job-bar').hidden = true;
        if (job.status === 'running' && this.list.editable) {
            this.list.clear();
            this.list.editable = false;
        }
        if (job.status === 'running') this.#showLive();
        const parts = [];
        if (jobs.ACTIVE.has(job.status)) {
            parts.push(h('p', {class: 'state-line'}, progressLine(job)), progressBar(job),
                       h('button', {class: 'button small', type: 'button',
                                    onclick: () => jobs.remove(job.id).catch(complain)}, 'Cancel'));
        } else {
            const why = job.status === 'failed' ? job.error?.message || 'It failed.'
                : 'This transcription was cancelled.';
            parts.push(h('p', {class: job.status === 'failed' ? 'state-line bad' : 'state-line'}, why),
                       h('button', {class: 'button small', type: 'button',
                                    onclick: () => jobs.retry(job.id).catch(complain)},
                         icon('retry'), 'Try again'),
                       h('button', {class: 'button small quiet', type: 'button',
                                    onclick: () => this.#removeJob()}, icon('trash'), 'Remove'));
        }
        this.#showState(...parts);
    }

    #showState(...parts) {
        const state = $('#job-state');
        state.hidden = false;
        /* A button that is being pressed stays where it is: only what moves is replaced. */
        const [line, bar] = state.children, [newLine, newBar] = parts;
        if (bar?.matches('.progress') && newBar?.matches?.('.progress')) {
            line.textContent = newLine.textContent;
            bar.replaceWith(newBar);
            return;
        }
        state.replaceChildren(...parts.map((part) =>
            typeof part === 'string' ? h('p', {class: 'state-line'}, part) : part));
    }

    #showLive() {
        const segments = jobs.liveSegments(this.id).map((segment) => ({
            ...segment, speaker: segment.speaker ?? null,
            words: segment.words?.length ? segment.words
                : [{word: segment.text, start: segment.start, end: segment.end, probability: null}],
        }));
        /* Those that are shown already keep their objects, so that only new ones are drawn. */
        this.list.update(this.list.segments.concat(segments.slice(this.list.segments.length)));
        const {lastElementChild: last} = $('#segments');
        if (this.follow && Date.now() - this.scrolledAt > SCROLL_REST_MS)
            last?.scrollIntoView({block: 'end'});
    }

    #showMeta() {
        const {job, doc} = this;
        const parts = [];
        if (job.duration) parts.push(clock(job.duration));
        const language = this.doc && this.result.language || job.language;
        if (language) parts.push(languageName(language));
        if (job.task === 'translate') parts.push('translated into English');
        parts.push(job.model);
        if (doc) {
            const words = doc.segments.reduce((sum, segment) => sum + segment.words.length, 0);
            parts.push(`${words.toLocaleString()} words`);
            if (this.result.real_time_factor >= 1.5)
                parts.push(`${Math.round(this.result.real_time_factor)}× as fast as spoken`);
        }
        if (job.edited) parts.push('edited');
        $('#job-meta').replaceChildren(...parts.map((part) => h('span', {}, part)));
    }

    #onNews(what, id) {
        if (id !== this.id || !this.id) return;
        if (what === 'removed') {
            this.doc = null;
            location.hash = '#/';
        } else if (what === 'edited' && this.doc && !this.saving && !this.doc.dirty
                   && Date.now() - (this.savedAt || 0) > 3000 && !isEditing()) {
            this.#showResult(); /* another page has edited it */
        } else if (this.job?.status === 'done' && !this.doc) {
            this.#show();
        } else if (this.job && this.job.status !== 'done') {
            if (this.doc) {
                this.doc = null; /* being made anew */
                this.player.close();
            }
            this.#showMeta();
            this.#showUnfinished();
        }
    }

    /* ---- After every change ---- */

    apply({save = true} = {}) {
        this.list.update(this.doc.segments);
        this.find.refresh();
        this.player.usable && this.list.lightAt(this.player.time);
        const {canUndo, canRedo} = this.doc;
        $('#undo-button').disabled = !canUndo;
        $('#redo-button').disabled = !canRedo;
        $('#undo-button').title = canUndo ? `Undo ${this.doc.past.at(-1).label} (Ctrl+Z)` : '';
        $('#redo-button').title = canRedo ? `Redo ${this.doc.future.at(-1).label} (Ctrl+Y)` : '';
        if (!save) return;
        this.#saveState('Not saved yet');
        clearTimeout(this.saveTimer);
        this.saveTimer = setTimeout(() => this.save(), SAVE_AFTER_MS);
    }

    say(text) {
        toast(text, {action: () => this.undo(), label: 'Undo'});
    }

    undo() { this.#travel('undo', 'Undone'); }
    redo() { this.#travel('redo', 'Done again'); }

    #travel(deed, word) {
        if (!this.doc) return;
        finish();
        const label = this.doc[deed]();
        if (label === null) return;
        this.apply();
        announce(`${word}: ${label}`);
    }

    /* Saves what is edited; resolves when the server has it, or has refused. */
    async save() {
        finish();
        clearTimeout(this.saveTimer);
        if (this.saving) await this.saving;
        const {doc, id} = this;
        if (!doc?.dirty) {
            if (doc) this.#saveState(this.job?.edited ? 'Saved' : '');
            return;
        }
        const state = doc.segments;
        this.#saveState('Saving…');
        this.saving = sendJson('PUT', path(id, '/result'), doc.toJson());
        try {
            await this.saving;
            doc.saved = state;
            this.savedAt = Date.now();
            if (this.id === id) {
                this.job.edited = true;
                this.#showMeta();
                this.#saveState(doc.dirty ? 'Not saved yet' : 'Saved');
            }
        } catch (error) {
            if (this.id === id) this.#saveState('Not saved', error.message);
            toast(`Your edits are not saved: ${error.message}`,
                  {bad: true, label: 'Try again', action: () => this.save()});
        } finally {
            this.saving = null;
        }
    }

    #saveState(text, why = '') {
        const state = $('#save-state');
        state.textContent = text;
        state.title = why;
        state.classList.toggle('bad', Boolean(why));
    }

    /* ---- Listening ---- */

    #onTime(time) {
        if (!this.doc) return;
        const moved = this.list.lightAt(time);
        if (moved && this.follow && this.player.playing && !isEditing()
            && Date.now() - this.scrolledAt > SCROLL_REST_MS) this.list.reveal(this.list.current[0]);
    }

    playFrom(i, word = 0) {
        const segment = this.doc.segments[i];
        this.player.seek(word ? segment.words[word].start : segment.start);
        this.player.play();
    }

    /* To the word `by` further, from the one being spoken. */
    stepWord(by) {
        let [i, w] = this.list.current;
        const {segments} = this.doc;
        if (i < 0) [i, w] = [0, -1];
        w += by;
        if (w < 0) [i, w] = i > 0 ? [i - 1, segments[i - 1].words.length - 1] : [0, 0];
        else if (w >= segments[i].words.length) [i, w] = [Math.min(i + 1, segments.length - 1), 0];
        this.#goto(i, w);
    }

    stepSegment(by) {
        const inText = $('#segments').contains(document.activeElement);
        const from = inText ? this.list.focused : Math.max(0, this.list.current[0]) - (by > 0 ? 1 : 0);
        const to = Math.max(0, Math.min(this.doc.segments.length - 1, from + by));
        this.list.focus(to);
        if (!this.player.playing) this.player.seek(this.doc.segments[to].start);
    }

    /* The next word, in the order of the text, that the model was unsure of. */
    stepDoubt(by) {
        const {segments} = this.doc;
        let [i, w] = [Math.max(0, this.list.current[0]), this.list.current[1]];
        for (w += by; i >= 0 && i < segments.length; i += by, w = by > 0 ? 0
            : (segments[i]?.words.length ?? 0) - 1) {
            for (; w >= 0 && w < segments[i].words.length; w += by) {
                if (isDoubtful(segments[i].words[w])) {
                    this.#setDoubt(true);
                    this.#goto(i, w);
                    return;
                }
            }
        }
        announce('No more doubtful words');
        toast('No more doubtful words this way.');
    }

    #goto(i, w) {
        const word = this.doc.segments[i]?.words[w];
        if (!word) return;
        /* A hair behind the start, so that rounding never lands in the word before. */
        this.player.seek(word.start + 0.001);
        this.list.lightAt(word.start + 0.001);
        this.list.reveal(i);
        announce(word.word);
    }

    /* ---- Buttons ---- */

    #wireBar() {
        const on = (id, run) => $(id).addEventListener('click', run);
        on('#export-button', () => exportMenu($('#export-button'), this.job, () => this.save()));
        on('#copy-button', () => { finish(); copyText(this.doc.plainText()); });
        on('#undo-button', () => this.undo());
        on('#redo-button', () => this.redo());
        on('#doubt-button', () => this.toggleDoubt());
        on('#follow-button', () => this.toggleFollow());
        on('#speakers-button', () => { finish(); editSpeakers(this); });
        on('#job-more', () => this.#moreMenu());
        addEventListener('beforeunload', (event) => {
            if (this.doc?.dirty || isEditing()) event.preventDefault();
        });
    }

    toggleDoubt() { this.#setDoubt($('#doubt-button').getAttribute('aria-pressed') !== 'true'); }
    toggleFollow() { this.#setFollow(!this.follow); }

    #setDoubt(on) {
        remember('doubt', on);
        $('#doubt-button').setAttribute('aria-pressed', String(on));
        $('#segments').classList.toggle('doubts', on);
    }

    #setFollow(on) {
        this.follow = on;
        this.scrolledAt = 0;
        remember('follow', on);
        $('#follow-button').setAttribute('aria-pressed', String(on));
    }

    #moreMenu() {
        openMenu($('#job-more'), [
            {label: 'Next doubtful word', icon: 'doubt', hint: 'N', run: () => this.stepDoubt(1)},
            {label: 'Copy with times', icon: 'copy', run: () => copyText(this.doc.segments.map(
                ({start, text, speaker}) => `[${clock(start)}] ${speaker ? `${speaker}: ` : ''}`
                    + text.trim()).join('\n'))},
            {label: 'Back to the original', icon: 'undo', disabled: !this.job.edited,
             run: () => this.#restore()},
            '-',
            {label: 'Remove this recording', icon: 'trash', run: () => this.#removeJob()},
        ], 'More');
    }

    async #restore() {
        if (!await ask('Back to the original?', 'All edits of this transcript are dropped.',
                       'Drop edits')) return;
        try {
            await sendJson('DELETE', path(this.id, '/result'));
            this.job.edited = false;
            await this.#showResult();
            this.#saveState('');
        } catch (error) {
            complain(error);
        }
    }

    async #removeJob() {
        const {job} = this;
        if (!await ask(`Remove ${job.name}?`, 'The recording and its transcript are deleted from '
                       + 'the server.', 'Remove')) return;
        this.doc = null;
        jobs.remove(job.id).catch(complain);
    }

    /* The number of a speaker's colour: as long as the job is open, the same. */
    colour(name) {
        if (!this.colours.has(name)) this.colours.set(name, this.colours.size % COLOURS + 1);
        return this.colours.get(name);
    }

    /* ---- The text under the pointer and the keys ---- */

    #wireSegments() {
        const root = $('#segments');
        root.addEventListener('click', (event) => this.#onClick(event));
        root.addEventListener('dblclick', (event) => {
            const row = event.target.closest('.seg');
            if (!row || !event.target.closest('.seg-text') || !this.doc) return;
            event.preventDefault();
            const word = event.target.closest('.w');
            const before = this.doc.segments[row.dataset.i].words.slice(0, word?.dataset.w ?? 0);
            edit(this, Number(row.dataset.i), word
                ? before.reduce((text, {word: w}) => text + w, '').trimStart().length
                  + (before.length ? 1 : 0) : null);
        });
        root.addEventListener('focusin', (event) => {
            const row = event.target.closest('.seg');
            if (!row) return;
            for (const other of root.querySelectorAll('.seg[tabindex="0"]')) other.tabIndex = -1;
            row.tabIndex = 0;
            this.list.focused = Number(row.dataset.i);
        });
    }

    #onClick(event) {
        const row = event.target.closest('.seg');
        if (!row || !this.doc) return;
        const i = Number(row.dataset.i);
        const on = (selector) => event.target.closest(selector);
        if (on('.w')) this.player.seek(this.doc.segments[i].words[on('.w').dataset.w].start + 0.001);
        else if (on('.seg-time')) this.playFrom(i);
        else if (on('.who')) speakerMenu(this, i, on('.who'));
        else if (on('.seg-edit')) edit(this, i);
        else if (on('.seg-more')) segmentMenu(this, i, on('.seg-more'));
    }

    /* A deed of the segment that has the focus, else of the one being spoken. */
    onSegment(deed) {
        if (!this.doc?.segments.length) return;
        const focused = document.activeElement?.closest?.('.seg');
        const i = focused ? Number(focused.dataset.i) : Math.max(0, this.list.current[0]);
        if (deed === 'edit') edit(this, i);
        else if (deed === 'split') splitSegment(this, i);
        else if (deed === 'merge') mergeSegment(this, i);
        else if (deed === 'speaker') {
            this.list.focus(i);
            speakerMenu(this, i, this.list.element(i));
        }
    }
}
