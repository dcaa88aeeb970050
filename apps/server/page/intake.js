/*
 * New recordings: dropped, chosen, pasted or recorded, with the fields that say how they are to be
 * transcribed. The fields are remembered.
 */
import {getJson} from './api.js';
import {$, complain, h, languageName, remember, remembered, toast} from './dom.js';
import * as jobs from './jobs.js';
import {Recorder} from './recorder.js';

/* Whisper's languages, by its codes (openai/whisper, tokenizer.py). */
const LANGUAGES = ('en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da '
    + 'hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk '
    + 'sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo '
    + 'tl mg as tt haw ln ha ba jw su yue').split(' ');

let models = [];
let recorder = null;

export function startIntake() {
    fillLanguages();
    for (const [id, property] of Object.entries(REMEMBERED)) restore(id, property);
    wireDrop();
    $('#choose').addEventListener('click', () => $('#files').click());
    $('#files').addEventListener('change', () => {
        take([...$('#files').files]);
        $('#files').value = '';
    });
    $('#intake').addEventListener('submit', (event) => event.preventDefault());
    $('#f-model').addEventListener('change', modelChanged);
    recorder = new Recorder((blob, name) => take([new File([blob], name, {type: blob.type})]));
    $('#record').addEventListener('click', () => recorder.start());
    document.addEventListener('paste', (event) => {
        const files = [...event.clipboardData?.files || []];
        if (files.length && !event.target.closest?.('input, [contenteditable]')) take(files);
    });
}

export const chooseFiles = () => $('#files').click();
export const startRecording = () => recorder.start();
export const isRecording = () => recorder.active;

/* ---- Fields -------------------------------------------------------------------------------- */

const REMEMBERED = {'f-model': 'value', 'f-language': 'value', 'f-task': 'value',
                    'f-hotwords': 'value', 'f-words': 'checked', 'f-vad': 'checked'};

function restore(id, property) {
    const element = $(`#${id}`), value = remembered(id, undefined);
    if (value !== undefined) element[property] = value;
    element.addEventListener('change', () => remember(id, element[property]));
}

function fillLanguages() {
    const named = LANGUAGES.map((code) => [code, languageName(code)])
        .sort((a, b) => a[1].localeCompare(b[1]));
    const preferred = [...new Set(navigator.languages.map((tag) => tag.split('-')[0]))];
    const options = (list) => list.map(([code, name]) => h('option', {value: code}, name));
    const mine = preferred.map((code) => named.find(([one]) => one === code)).filter(Boolean);
    $('#f-language').append(h('option', {value: ''}, 'Detect it'), ...options(mine), h('hr'),
                            ...options(named.filter((one) => !mine.includes(one))));
}

export async function loadModels() {
    ({models} = await getJson('/models'));
    const select = $('#f-model');
    const installed = models.filter((model) => model.installed);
    select.replaceChildren(...installed.map((model) => h('option', {value: model.id}, model.id)));
    const absent = models.filter((model) => !model.installed);
    if (absent.length) {
        select.append(h('optgroup', {label: 'Not installed (amanuensis pull NAME)'},
            ...absent.map((model) => h('option', {value: model.id, disabled: true}, model.id))));
    }
    const wanted = remembered('f-model', null);
    const chosen = installed.find((model) => model.id === wanted)
        || installed.find((model) => model.default) || installed[0];
    if (chosen) select.value = chosen.id;
    const none = $('#model-note');
    none.hidden = installed.length > 0;
    none.textContent = 'The server has no model yet: run “amanuensis pull base” there.';
    modelChanged();
}

/* A model of English alone knows neither languages nor translation. */
function modelChanged() {
    const model = models.find((one) => one.id === $('#f-model').value);
    const english = model ? model.multilingual === false || /\.en$/.test(model.id) : false;
    for (const id of ['f-language', 'f-task']) $(`#${id}`).disabled = english;
    $('#f-language').options[0].textContent = english ? 'English' : 'Detect it';
    if (english) {
        $('#f-language').value = '';
        $('#f-task').value = 'transcribe';
    }
}

/* The fields of POST /jobs. */
function fields() {
    const wanted = {
        model: $('#f-model').value,
        language: $('#f-language').value,
        task: $('#f-task').value,
        word_timestamps: String($('#f-words').checked),
        vad_filter: String($('#f-vad').checked),
        hotwords: $('#f-hotwords').value.trim(),
    };
    if (!$('#speakers-fields').disabled && $('#f-diarize').checked) {
        wanted.diarize = 'true';
        wanted.min_speakers = $('#f-min-speakers').value;
        wanted.max_speakers = $('#f-max-speakers').value;
    }
    return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== ''));
}

/* ---- Files --------------------------------------------------------------------------------- */

function take(files) {
    const empty = files.filter((file) => file.size === 0);
    const good = files.filter((file) => file.size > 0);
    if (empty.length) {
        toast(empty.length === 1 ? `${empty[0].name} is empty.`
            : `${empty.length} of the files are empty.`, {bad: true});
    }
    if (!good.length) return;
    jobs.send(good.map((file) => ({file, name: file.name || 'pasted recording'})), fields());
    if (good.length > 1) toast(`${good.length} recordings on their way`);
}

/* Dropping works anywhere on the page; folders are opened. */
function wireDrop() {
    const veil = $('#drop-veil');
    let depth = 0;
    const hasFiles = (event) => [...event.dataTransfer?.types || []].includes('Files');
    addEventListener('dragenter', (event) => {
        if (!hasFiles(event)) return;
        depth++;
        veil.hidden = false;
    });
    addEventListener('dragleave', (event) => {
        if (!hasFiles(event)) return;
        depth = Math.max(0, depth - 1);
        veil.hidden = depth === 0;
    });
    addEventListener('dragover', (event) => { if (hasFiles(event)) event.preventDefault(); });
    addEventListener('drop', async (event) => {
        depth = 0;
        veil.hidden = true;
        if (!hasFiles(event)) return;
        event.preventDefault();
        try {
            take(await dropped(event.dataTransfer));
        } catch (error) {
            complain(error);
        }
    });
}

async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
    const found = [];
    for (const entry of entries) await collect(entry, found);
    return found;
}

async function collect(entry, found) {
    if (entry.isFile) {
        const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
        /* In folders, only what may be a recording: there are also covers and lists. */
        if (/^(audio|video)\//.test(file.type) || !file.type) {
            if (!file.name.startsWith('.')) found.push(file);
        }
        return;
    }
    const reader = entry.createReader();
    for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) return;
        for (const one of some) await collect(one, found);
    }
}
