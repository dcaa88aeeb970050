/*
 * News of all jobs, without end: GET /jobs/events read as a stream. fetch instead of EventSource,
 * which cannot send a key. When the stream breaks it is opened again with growing pauses; after
 * some failures the caller is asked to poll in the meantime.
 */
import {request} from './api.js';

const FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 30000;
const FAILURES_BEFORE_POLLING = 2;
/* The server sends something, if only a comment, more often than this. */
const SILENCE_MS = 60000;

/*
 * Splits a stream of text into server-sent events (WHATWG HTML, 9.2.6): push(text) calls
 * event(type, data) for each that is complete.
 */
export function eventParser(event) {
    let rest = '', type = '', data = [];
    const field = (line) => {
        if (line === '') {
            if (data.length) event(type || 'message', data.join('\n'));
            type = '';
            data = [];
            return;
        }
        const colon = line.indexOf(':');
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (name === 'event') type = value;
        else if (name === 'data') data.push(value);
    };
    return (text) => {
        /* A \r at the very end may be half of \r\n: it waits for the next piece. */
        const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
        rest = lines.pop();
        lines.forEach(field);
    };
}

/*
 * Follows the events for ever. `event(type, object)`; `state('live' | 'lost', failures)`;
 * `poll()` is called every few seconds while the stream stays broken.
 */
export async function followEvents({event, state, poll}) {
    let failures = 0;
    for (;;) {
        try {
            await readStream(event, () => {
                failures = 0;
                state('live');
            });
        } catch (error) {
            if (error.status === 401) {
                state('lost', ++failures);
                await pause(LONGEST_PAUSE_MS);
                continue;
            }
        }
        failures++;
        state('lost', failures);
        const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
        /* Half of the pause is drawn, so that many pages do not return at the same moment. */
        await pause(longest * (0.5 + Math.random() / 2));
        if (failures >= FAILURES_BEFORE_POLLING) await poll();
    }
}

async function readStream(event, opened) {
    const control = new AbortController();
    let watch = setTimeout(() => control.abort(), SILENCE_MS);
    try {
        const response = await request('/jobs/events', {
            signal: control.signal, headers: {Accept: 'text/event-stream'}, cache: 'no-store',
        });
        opened();
        const push = eventParser((type, data) => event(type, JSON.parse(data)));
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        for (;;) {
            const {value, done} = await reader.read();
            if (done) return;
            clearTimeout(watch);
            watch = setTimeout(() => control.abort(), SILENCE_MS);
            push(decoder.decode(value, {stream: true}));
        }
    } finally {
        clearTimeout(watch);
        control.abort();
    }
}

/* Over early when the browser comes back online or the page is looked at again. */
function pause(ms) {
    return new Promise((resolve) => {
        const end = () => {
            clearTimeout(timer);
            removeEventListener('online', end);
            document.removeEventListener('visibilitychange', end);
            resolve();
        };
        const timer = setTimeout(end, ms);
        addEventListener('online', end);
        document.addEventListener('visibilitychange', end);
    });
}
