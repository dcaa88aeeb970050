/*
 * The jobs the page knows: those of the server, as lists and events tell of them, and the files
 * still on their way. Views listen; nothing here touches the document.
 *
 * A job is the server's JOB. A file on its way is {upload: true, id, name, bytes, sent, status:
 * 'waiting' | 'sending' | 'failed', error, …} until the server has made a job of it.
 */
import {ApiError, getJson, sendJson, upload} from './api.js';

const PAGE = 50;
const UPLOADS_AT_ONCE = 2;
const SEGMENTS_KEPT_OF_A_RUNNING_JOB = 20000;

export const ACTIVE = new Set(['queued', 'running']);

const jobs = new Map();    /* id → JOB, whatever list it came from */
const uploads = new Map();
const live = new Map();    /* id → segments of a running job, as they came */
const listeners = new Set();
let listing = {query: '', ids: [], total: 0, loading: false, error: null};
let asked = 0;             /* number of the newest listing, so that a late answer is dropped */
let nextUpload = 1;

/* listener(what, job): 'list', 'job', 'segment' (job, segment), 'ended' (job), 'edited' (job). */
export const listen = (listener) => { listeners.add(listener); };
const tell = (...news) => listeners.forEach((listener) => listener(...news));

export const jobOf = (id) => jobs.get(id);
export const liveSegments = (id) => live.get(id) || [];
export const listed = () => listing;
export const allUploads = () => [...uploads.values()];
export const listedJobs = () => listing.ids.map((id) => jobs.get(id)).filter(Boolean);
/* Jobs under way: oldest first, as they will be served. */
export const activeJobs = () => [...jobs.values()].filter((job) => ACTIVE.has(job.status))
    .sort((a, b) => a.created_at - b.created_at);

/* ---- Lists --------------------------------------------------------------------------------- */

/* The first page of the history, or of what matches `query`. */
export async function list(query = listing.query) {
    const number = ++asked;
    listing = {...listing, query, loading: true, error: null};
    try {
        const answer = await getJson(address(query, 0));
        if (number !== asked) return;
        listing = {query, ids: take(answer.jobs), total: answer.total, loading: false, error: null};
    } catch (error) {
        if (number !== asked) return;
        listing = {...listing, loading: false, error};
    }
    tell('list');
}

export async function listMore() {
    if (listing.loading || listing.ids.length >= listing.total) return;
    const number = ++asked;
    listing.loading = true;
    try {
        const answer = await getJson(address(listing.query, listing.ids.length));
        if (number !== asked) return;
        const known = new Set(listing.ids);
        listing.ids.push(...take(answer.jobs).filter((id) => !known.has(id)));
        listing.total = answer.jobs.length ? answer.total : listing.ids.length;
    } finally {
        if (number === asked) listing.loading = false;
    }
    tell('list');
}

function address(query, offset) {
    const search = new URLSearchParams({limit: PAGE, offset});
    if (query) search.set('q', query);
    return `/jobs?${search}`;
}

function take(answered) {
    for (const job of answered) jobs.set(job.id, job);
    return answered.map((job) => job.id);
}

/* What is under way may lie behind the first page. */
export async function refreshActive() {
    for (const status of ACTIVE) take((await getJson(`/jobs?status=${status}&limit=${PAGE}`)).jobs);
    tell('list');
}

export async function fetchJob(id) {
    const job = await getJson(`/jobs/${encodeURIComponent(id)}`);
    jobs.set(id, {...jobs.get(id), ...job});
    return job;
}

/* ---- News ---------------------------------------------------------------------------------- */

export function takeEvent(type, data) {
    if (type === 'segment') {
        const segments = live.get(data.job) || [];
        if (segments.length < SEGMENTS_KEPT_OF_A_RUNNING_JOB) segments.push(data);
        live.set(data.job, segments);
        tell('segment', data.job, data);
    } else if (type === 'removed') {
        forget(data.id);
    } else if (data && data.id) {
        takeJob(data, type);
    }
}

function takeJob(job, type) {
    const before = jobs.get(job.id);
    jobs.set(job.id, {...before, ...job});
    if (!before && !listing.query) {
        listing.ids.unshift(job.id);
        listing.total++;
    }
    if (type === 'progress' && job.status === 'running' && before?.status !== 'running') {
        /* A job that runs again begins anew. */
        if (!(job.done_s > 0)) live.delete(job.id);
    }
    const ended = before && ACTIVE.has(before.status) && !ACTIVE.has(job.status);
    if (ended) live.delete(job.id);
    tell(ended || !before || before.status !== job.status ? 'list' : 'job', job.id);
    if (ended) tell('ended', job.id);
    if (type === 'edited') tell('edited', job.id);
}

function forget(id) {
    jobs.delete(id);
    live.delete(id);
    const at = listing.ids.indexOf(id);
    if (at >= 0) {
        listing.ids.splice(at, 1);
        listing.total--;
    }
    tell('list');
    tell('removed', id);
}

/* For when the stream of events is broken. */
export async function poll() {
    const before = activeJobs().map((job) => job.id);
    try {
        const answer = await getJson(address('', 0));
        answer.jobs.reverse().forEach((job) => takeJob(job, 'polled'));
        for (const id of before) {
            if (!answer.jobs.some((job) => job.id === id)) takeJob(await getJson(`/jobs/${id}`));
        }
    } catch (error) {
        /* The state of the connection is shown already; the next round tries again. */
        if (!(error instanceof ApiError)) throw error;
    }
}

/* ---- Deeds --------------------------------------------------------------------------------- */

/* Cancels an active job, removes one that is over. */
export async function remove(id) {
    const job = await sendJson('DELETE', `/jobs/${id}`);
    if (job) takeJob(job, 'cancelled');
    else forget(id);
}

export async function retry(id) {
    takeJob(await sendJson('POST', `/jobs/${id}/retry`), 'created');
}

/* ---- Files on their way -------------------------------------------------------------------- */

/* `entries`: {file, name}. Each file is a request of its own: progress and errors are its own. */
export function send(entries, fields) {
    for (const {file, name} of entries) {
        const id = `u${nextUpload++}`;
        uploads.set(id, {upload: true, id, name, file, fields, bytes: file.size, sent: 0,
                         status: 'waiting', error: null, control: new AbortController()});
    }
    tell('list');
    sendNext();
}

function sendNext() {
    const all = allUploads();
    const room = UPLOADS_AT_ONCE - all.filter((one) => one.status === 'sending').length;
    all.filter((one) => one.status === 'waiting').slice(0, Math.max(0, room)).forEach(sendOne);
}

async function sendOne(one) {
    one.status = 'sending';
    one.sent = 0;
    tell('list');
    try {
        const job = await upload(one.file, one.name, one.fields, {
            signal: one.control.signal,
            progress: (share) => { one.sent = share; tell('job', one.id); },
        });
        uploads.delete(one.id);
        if (!jobs.has(job.id)) takeJob(job, 'created');
        tell('list');
        tell('sent', job.id);
    } catch (error) {
        if (error.name === 'AbortError') {
            uploads.delete(one.id);
        } else if (error.status === 429) {
            holdBack(one, error);
        } else {
            one.status = 'failed';
            one.error = error;
        }
        tell('list');
    }
    sendNext();
}

/* The queue is full: this file waits as long as the server asks for. */
function holdBack(one, error) {
    const seconds = Math.max(1, error.retryAfter || 5);
    one.status = 'held';
    one.error = error;
    setTimeout(() => {
        if (one.status !== 'held') return;
        one.status = 'waiting';
        one.error = null;
        sendNext();
    }, seconds * 1000);
}

export function sendAgain(id) {
    const one = uploads.get(id);
    one.status = 'waiting';
    one.error = null;
    sendNext();
}

export function dropUpload(id) {
    const one = uploads.get(id);
    if (!one) return;
    uploads.delete(id);
    one.status = 'dropped';
    one.control.abort();
    tell('list');
    sendNext();
}

export const hasUploads = () => allUploads().some((one) => one.status !== 'failed');
