/* The transcript for elsewhere: files in every format of the server, and the clipboard. */
import {download} from './api.js';
import {announce, complain, h, openMenu, remember, remembered, toast} from './dom.js';

/* format of the server, extension, what it is for */
const FORMATS = [
    ['text', 'txt', 'Plain text'],
    ['docx', 'docx', 'Word document'],
    ['html', 'html', 'Web page'],
    ['srt', 'srt', 'Subtitles, SubRip'],
    ['vtt', 'vtt', 'Subtitles, WebVTT'],
    ['json', 'json', 'All data, JSON'],
    ['csv', 'csv', 'Table, commas'],
    ['tsv', 'tsv', 'Table, tabs'],
    ['lrc', 'lrc', 'Lyrics'],
];
const SUBTITLES = new Set(['srt', 'vtt']);
const SHORT_LINES = {max_line_width: 42, max_line_count: 2};

/* `before`: saves what is edited, so that the file has it. */
export function exportMenu(button, job, before) {
    const short = h('input', {type: 'checkbox', checked: remembered('short_lines', false)});
    short.addEventListener('change', () => remember('short_lines', short.checked));
    openMenu(button, [
        ...FORMATS.map(([format, extension, name]) => ({
            label: name, hint: `.${extension}`,
            run: () => save(job, format, extension, before).catch(complain),
        })),
        '-',
        h('label', {class: 'check menu-check'}, short,
          h('span', {}, 'Short subtitle lines', h('small', {}, '2 lines of 42 characters'))),
    ], 'Export');
}

async function save(job, format, extension, before) {
    await before();
    const query = new URLSearchParams({format, download: 1});
    if (SUBTITLES.has(format) && remembered('short_lines', false)) {
        for (const [name, value] of Object.entries(SHORT_LINES)) query.set(name, value);
    }
    const stem = job.name.replace(/\.[^.]*$/, '') || 'transcript';
    const name = await download(`/jobs/${encodeURIComponent(job.id)}/result?${query}`,
                                `${stem}.${extension}`);
    announce(`${name} saved`);
}

export async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        /* No permission, or a page that is not secure: the old way. */
        const area = h('textarea', {class: 'visually-hidden'}, text);
        document.body.append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        if (!done) {
            toast('The browser does not let this page write to the clipboard.', {bad: true});
            return;
        }
    }
    toast('Copied');
}
