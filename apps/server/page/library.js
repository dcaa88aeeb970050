/*
 * The list of recordings beside the view: what is under way on top, then the history by day, or
 * what a search has found. Rows are kept by id, so that a progress touches one row only.
 */
import {$, ask, bytes, clock, complain, dayOf, h, icon} from './dom.js';
import * as jobs from './jobs.js';
import {progressBar, progressLine} from './progress.js';

const SEARCH_AFTER_MS = 250;

let openId = null;
let drawing = false;

export function startLibrary() {
    let timer = 0;
    const text = $('#library-text');
    text.addEventListener('input', () => {
        clearTimeout(timer);
        timer = setTimeout(() => jobs.list(text.value.trim()), SEARCH_AFTER_MS);
    });
    $('#library-search').addEventListener('submit', (event) => {
        event.preventDefault();
        jobs.list(text.value.trim());
    });
    $('#load-more').addEventListener('click', () => jobs.listMore().catch(complain));
    new IntersectionObserver((entries) => {
        if (entries[0].isIntersecting) jobs.listMore().catch(complain);
    }, {rootMargin: '300px'}).observe($('#load-more'));
    jobs.listen((what, id) => {
        if (what === 'job') redrawRow(id);
        else if (['list', 'removed', 'edited'].includes(what)) redraw();
    });
}

export function markOpen(id) {
    openId = id;
    for (const row of document.querySelectorAll('.row')) {
        const open = row.dataset.id === id;
        if (open) row.querySelector('a')?.setAttribute('aria-current', 'page');
        else row.querySelector('a')?.removeAttribute('aria-current');
    }
}

/* Many news in one frame are one drawing. */
function redraw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
        drawing = false;
        draw();
    });
}

function draw() {
    const {query, total, error, loading, ids} = jobs.listed();
    const root = $('#library-list');
    const focus = document.activeElement?.closest?.('.row')?.dataset.id;
    const parts = [];
    const active = query ? [] : [...jobs.allUploads(), ...jobs.activeJobs()];
    if (active.length) parts.push(...group('In progress', active));
    const rest = jobs.listedJobs().filter((job) => query || !jobs.ACTIVE.has(job.status));
    if (query) {
        parts.push(...group(total === 1 ? '1 recording found' : `${total} recordings found`, rest));
    } else {
        const days = new Map();
        for (const job of rest) {
            const day = dayOf(job.created_at);
            if (!days.has(day)) days.set(day, []);
            days.get(day).push(job);
        }
        for (const [day, of] of days) parts.push(...group(day, of));
    }
    if (error) parts.push(h('p', {class: 'library-note bad'}, error.message));
    else if (!parts.length && !loading) parts.push(emptyNote());
    root.replaceChildren(...parts);
    $('#load-more').hidden = ids.length >= total;
    if (focus) root.querySelector(`.row[data-id="${CSS.escape(focus)}"] a`)?.focus({preventScroll: true});
}

const emptyNote = () => h('p', {class: 'library-note'}, 'Your recordings will be listed here.');

function group(title, of) {
    const id = `group-${title.replace(/\W+/g, '-')}`;
    return [h('h2', {class: 'group-title', id}, title),
            h('ul', {class: 'rows', 'aria-labelledby': id}, ...of.map(row))];
}

function redrawRow(id) {
    const old = document.querySelector(`.row[data-id="${CSS.escape(id)}"]`);
    const one = jobs.jobOf(id) || jobs.allUploads().find((upload) => upload.id === id);
    if (!old || !one) return;
    const line = old.querySelector('.row-line'), bar = old.querySelector('.progress');
    const fresh = row(one);
    if (!bar || !fresh.querySelector('.progress')) {
        old.replaceWith(fresh);
        return;
    }
    /* The buttons stay, so that one may be pressed at any moment. */
    line.replaceWith(fresh.querySelector('.row-line'));
    const fill = bar.firstChild, share = fresh.querySelector('.progress');
    fill.style.width = share.firstChild.style.width;
    bar.setAttribute('aria-valuenow', share.getAttribute('aria-valuenow'));
}

/* ---- A row --------------------------------------------------------------------------------- */

function row(one) {
    return one.upload ? uploadRow(one) : jobRow(one);
}

function uploadRow(one) {
    const line = {
        waiting: 'Will be sent next', held: `The queue is full; trying again soon`,
        sending: `Sending, ${Math.floor(one.sent * 100)} % of ${bytes(one.bytes)}`,
        failed: one.error?.message,
    }[one.status];
    const bad = one.status === 'failed';
    const made = h('li', {class: 'row uploading', data: {id: one.id}},
        h('div', {class: 'row-main'},
            h('span', {class: 'row-name'}, one.name),
            h('span', {class: bad ? 'row-line bad' : 'row-line'}, line)),
        h('div', {class: 'row-tools'},
            bad ? tool('retry', `Send ${one.name} again`, () => jobs.sendAgain(one.id)) : null,
            tool('close', `Do not send ${one.name}`, () => jobs.dropUpload(one.id))));
    if (!bad) made.append(progressBar({name: one.name, progress: one.sent}));
    return made;
}

function jobRow(job) {
    const active = jobs.ACTIVE.has(job.status), over = job.status === 'failed'
        || job.status === 'cancelled';
    const query = jobs.listed().query;
    const address = `#/${encodeURIComponent(job.id)}${query ? `?q=${encodeURIComponent(query)}` : ''}`;
    const link = h('a', {class: 'row-main', href: address,
                         'aria-current': job.id === openId ? 'page' : null},
        h('span', {class: 'row-name'}, job.name),
        h('span', {class: job.status === 'failed' ? 'row-line bad' : 'row-line'}, rowLine(job)),
        query && job.snippet ? h('span', {class: 'row-snippet'}, ...marked(job.snippet)) : null);
    const made = h('li', {class: `row ${job.status}`, data: {id: job.id}}, link,
        h('div', {class: 'row-tools'},
            over ? tool('retry', `Try ${job.name} again`,
                        () => jobs.retry(job.id).catch(complain)) : null,
            active ? tool('close', `Cancel ${job.name}`, () => jobs.remove(job.id).catch(complain))
                : tool('trash', `Remove ${job.name}`, () => removeAsked(job))));
    if (active) made.append(progressBar(job));
    return made;
}

function rowLine(job) {
    if (jobs.ACTIVE.has(job.status)) return progressLine(job);
    if (job.status === 'failed') return job.error?.message || 'Failed';
    if (job.status === 'cancelled') return 'Cancelled';
    const time = new Date(job.created_at * 1000)
        .toLocaleTimeString(undefined, {hour: 'numeric', minute: '2-digit'});
    return [time, job.duration ? clock(job.duration) : null, job.edited ? 'edited' : null]
        .filter(Boolean).join(' · ');
}

/* A snippet with its matches, which the server puts between « and ». */
function marked(snippet) {
    return snippet.split(/«(.*?)»/s).map((part, i) => i % 2 ? h('mark', {}, part) : part);
}

const tool = (name, label, run) =>
    h('button', {class: 'icon-button', type: 'button', 'aria-label': label, title: label,
                 onclick: run}, icon(name));

async function removeAsked(job) {
    if (await ask(`Remove ${job.name}?`, 'The recording and its transcript are deleted from the '
                  + 'server.', 'Remove')) jobs.remove(job.id).catch(complain);
}
