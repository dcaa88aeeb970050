/*
 * The server as the page sees it: requests with the API key, errors as its own words, uploads with
 * their progress, downloads. docs/api.md is the contract.
 *
 * A 401 opens the question for a key (set by whenUnauthorized) and the request is tried again; all
 * requests that fail meanwhile wait for the same answer.
 */
import {remember, remembered} from './dom.js';

export class ApiError extends Error {
    constructor(status, message, retryAfter = 0) {
        super(message);
        this.name = 'ApiError';
        this.status = status; /* 0: no answer at all */
        this.retryAfter = retryAfter;
    }
}

let askForKey = null;
let asking = null;

export const whenUnauthorized = (ask) => { askForKey = ask; };
export const apiKey = () => remembered('key', '');
export const setApiKey = (key) => remember('key', key);

function headers(more = {}) {
    const key = apiKey();
    return key ? {...more, Authorization: `Bearer ${key}`} : more;
}

const SILENT = 'The server does not answer. Is it still running?';

/* The error a reply carries: the server's message if it is in the documented shape. */
function errorOf(status, text, retryAfter) {
    let message = '';
    try {
        message = JSON.parse(text).error.message;
    } catch {
        message = `The server answered with status ${status}.`;
    }
    return new ApiError(status, message, Number(retryAfter) || 0);
}

/* True when there is a new key to try with. */
async function newKey(message) {
    if (!askForKey) return false;
    asking ||= askForKey(message).finally(() => { asking = null; });
    return asking;
}

/* A Response with a status of success; else throws ApiError, or AbortError of `signal`. */
export async function request(path, options = {}) {
    for (;;) {
        let response;
        const used = apiKey();
        try {
            response = await fetch(path, {...options, headers: headers(options.headers)});
        } catch (error) {
            if (error.name === 'AbortError') throw error;
            throw new ApiError(0, SILENT);
        }
        if (response.ok) return response;
        const error = errorOf(response.status, await response.text().catch(() => ''),
                              response.headers.get('Retry-After'));
        if (response.status !== 401) throw error;
        /* Another request may have been given a key while this one was on its way. */
        if (used === apiKey() && !await newKey(error.message)) throw error;
    }
}

export async function getJson(path, options) {
    return (await request(path, options)).json();
}

export async function sendJson(method, path, body) {
    const response = await request(path, {
        method, body: body === undefined ? undefined : JSON.stringify(body),
        headers: body === undefined ? {} : {'Content-Type': 'application/json'},
    });
    return response.status === 204 ? null : response.json();
}

/* ---- Uploads ------------------------------------------------------------------------------- */

/* POST /jobs with one file; XMLHttpRequest, since fetch tells nothing of an upload's progress.
 * Resolves to the job. */
export async function upload(file, name, fields, {progress, signal}) {
    for (;;) {
        const used = apiKey();
        try {
            return await uploadOnce(file, name, fields, progress, signal);
        } catch (error) {
            if (error.status !== 401) throw error;
            if (used === apiKey() && !await newKey(error.message)) throw error;
        }
    }
}

function uploadOnce(file, name, fields, progress, signal) {
    return new Promise((resolve, reject) => {
        const form = new FormData();
        for (const [field, value] of Object.entries(fields)) form.append(field, value);
        form.append('file', file, name);
        const xhr = new XMLHttpRequest();
        const abort = () => xhr.abort();
        const end = (settle, value) => {
            signal.removeEventListener('abort', abort);
            settle(value);
        };
        xhr.open('POST', '/jobs');
        for (const [header, value] of Object.entries(headers())) xhr.setRequestHeader(header, value);
        xhr.upload.onprogress = (event) => progress(event.loaded / (event.total || 1));
        xhr.onload = () => {
            if (xhr.status < 200 || xhr.status > 299) {
                end(reject, errorOf(xhr.status, xhr.responseText,
                                    xhr.getResponseHeader('Retry-After')));
                return;
            }
            try {
                end(resolve, JSON.parse(xhr.responseText).jobs[0]);
            } catch {
                end(reject, new ApiError(xhr.status, 'The server accepted the file, but its answer '
                                                     + 'could not be read.'));
            }
        };
        xhr.onerror = () => end(reject, new ApiError(0, 'The connection broke while sending.'));
        xhr.onabort = () => end(reject, new DOMException('cancelled', 'AbortError'));
        signal.addEventListener('abort', abort);
        xhr.send(form);
    });
}

/* ---- What a plain link could fetch, were it not for the key -------------------------------- */

/* An address for <audio>: the server's own, whose ranges are served; with a key, which an element
 * cannot send, the whole recording as a blob. `release` gives its memory back. */
export async function mediaAddress(path, signal) {
    if (!apiKey()) return {address: path, release: () => {}};
    const blob = await (await request(path, {signal})).blob();
    const address = URL.createObjectURL(blob);
    return {address, release: () => URL.revokeObjectURL(address)};
}

/* Saves what `path` gives, under the server's file name, else `name`. */
export async function download(path, name) {
    const response = await request(path);
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement('a');
    link.href = address;
    link.download = fileName(response.headers.get('Content-Disposition')) || name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    return link.download;
}

/* The name in a Content-Disposition (RFC 6266): filename*, else filename. */
export function fileName(disposition) {
    const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition || '');
    if (extended) {
        try {
            return decodeURIComponent(extended[1]);
        } catch {
            return '';
        }
    }
    const plain = /filename="((?:\\.|[^"])*)"|filename=([^;]+)/i.exec(disposition || '');
    return plain ? (plain[1] ?? plain[2]).replace(/\\(.)/g, '$1').trim() : '';
}
