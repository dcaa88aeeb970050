/*
 * The page begins here: which view is shown (the address after #), news from the server, the key,
 * the theme, and the table of shortcuts.
 *
 *     #/             new recordings        #/j_…          one job        #/j_…?q=word   searched
 */
import {apiKey, setApiKey, whenUnauthorized} from './api.js';
import {$, announce, complain, openDialog, openMenu, toast} from './dom.js';
import {finish} from './editing.js';
import {followEvents} from './events.js';
import {chooseFiles, isRecording, loadModels, startIntake, startRecording} from './intake.js';
import * as jobs from './jobs.js';
import {showShortcuts, startKeys} from './keys.js';
import {markOpen, startLibrary} from './library.js';
import {JobView} from './transcript.js';

const THEMES = [['', 'As the system'], ['light', 'Light'], ['dark', 'Dark'],
                ['illuminated', 'Illuminated']];
const SHOW_LOSS_AFTER_FAILURES = 2;

let view = null;

/* ---- Views --------------------------------------------------------------------------------- */

async function route() {
    const [, id, query] = /^#\/([^?]*)(?:\?q=(.*))?$/.exec(location.hash) || [null, '', ''];
    const frame = $('#frame'), home = !id;
    finish();
    frame.dataset.view = home ? 'home' : 'job';
    $('#home-view').hidden = !home;
    $('#job-view').hidden = home;
    markOpen(home ? null : decodeURIComponent(id));
    scrollTo(0, 0);
    $('#main').scrollTop = 0;
    if (home) await view.close();
    else await view.open(decodeURIComponent(id), {query: decodeURIComponent(query || '')});
    showTitle();
}

/* What is under way is told by the tab, too. */
function showTitle() {
    const running = jobs.activeJobs().find((job) => job.status === 'running');
    const name = view.id && jobs.jobOf(view.id)?.name;
    const progress = running && running.progress > 0 ? `${Math.floor(running.progress * 100)} % · ` : '';
    document.title = `${progress}${name ? `${name} · ` : ''}amanuensis`;
}

/* ---- News ---------------------------------------------------------------------------------- */

function onNews(what, id) {
    showTitle();
    const job = jobs.jobOf(id);
    if (what === 'ended' && job) {
        if (job.status === 'done') {
            announce(`${job.name} is transcribed`);
            if (view.id !== id) {
                toast(`${job.name} is transcribed.`, {
                    label: 'Read', action: () => { location.hash = `#/${id}`; }});
            }
        } else if (job.status === 'failed' && view.id !== id) {
            toast(`${job.name}: ${job.error?.message || 'failed'}`, {bad: true});
        }
    } else if (what === 'sent' && !view.id && jobs.allUploads().length === 0) {
        /* A single recording is watched as it becomes text; with several, the list is the view. */
        if (jobs.activeJobs().length <= 1 && !isRecording()) location.hash = `#/${id}`;
    }
}

async function refresh() {
    await Promise.all([jobs.list(), jobs.refreshActive(), loadModels()].map((one) =>
        one.catch(complain)));
}

function watchServer() {
    let lost = false;
    const shown = $('#link-state');
    followEvents({
        event: jobs.takeEvent,
        poll: jobs.poll,
        state: (state, failures = 0) => {
            const live = state === 'live';
            shown.hidden = live || failures < SHOW_LOSS_AFTER_FAILURES;
            if (!shown.hidden) shown.textContent = 'Connection lost, trying again…';
            /* What happened meanwhile was not told. */
            if (live && lost) refresh();
            lost = !live;
        },
    });
}

/* ---- Key and theme ------------------------------------------------------------------------- */

async function askForKey(reason) {
    $('#key-reason').textContent = `${reason || 'This server wants a key.'} It is kept in this `
        + 'browser only.';
    $('#key-text').value = apiKey();
    $('#key-forget').hidden = !apiKey();
    const answer = await openDialog($('#key-dialog'));
    const key = $('#key-text').value.trim();
    if (answer === 'forget') setApiKey('');
    else if (answer === 'use' && key) setApiKey(key);
    $('#key-button').hidden = !apiKey();
    return answer === 'use' && key !== '';
}

function currentTheme() {
    return document.documentElement.dataset.theme || '';
}

function setTheme(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
        /* Plain text, not JSON: theme.js reads it before anything else is there. */
        if (theme) localStorage.setItem('amanuensis.theme', theme);
        else localStorage.removeItem('amanuensis.theme');
    } catch {
        /* Without storage the theme lasts as long as the page. */
    }
    view.player.draw();
}

function themeMenu() {
    openMenu($('#theme-button'), THEMES.map(([theme, label]) => (
        {label, checked: theme === currentTheme(), run: () => setTheme(theme)})), 'Theme');
}

function nextTheme() {
    const at = THEMES.findIndex(([theme]) => theme === currentTheme());
    const [theme, label] = THEMES[(at + 1) % THEMES.length];
    setTheme(theme);
    announce(`Theme: ${label}`);
}

/* ---- Shortcuts ----------------------------------------------------------------------------- */

function shortcutTable() {
    const reading = () => view.doc !== null;
    const hearing = () => reading() && view.player.usable;
    return [
        ['Anywhere', [
            {keys: ['u'], shown: 'U', what: 'Choose files', run: chooseFiles},
            {keys: ['r'], shown: 'R', what: 'Record', run: async () => {
                if (view.id) location.hash = '#/';
                startRecording();
            }},
            {keys: ['/', 'Ctrl+f'], shown: '/', what: 'Search in this transcript',
             run: () => view.find.open(), when: reading},
            {keys: ['/'], run: () => $('#library-text').focus()},
            {keys: ['g'], shown: 'G', what: 'Search all transcripts',
             run: () => $('#library-text').focus()},
            {keys: ['Escape'], shown: 'Esc', what: 'Back to the start',
             run: () => { location.hash = '#/'; }, when: () => view.id !== null},
            {keys: ['t'], shown: 'T', what: 'Next theme', run: nextTheme},
            {keys: ['?'], shown: '?', what: 'This list', run: showShortcuts},
        ]],
        ['Listening', [
            {keys: [' ', 'k'], shown: 'Space', what: 'Play or pause', when: hearing,
             run: () => view.player.toggle()},
            {keys: ['j'], shown: 'J', what: '5 seconds back', run: () => view.player.skip(-5),
             when: hearing},
            {keys: ['l'], shown: 'L', what: '5 seconds forward', run: () => view.player.skip(5),
             when: hearing},
            {keys: ['ArrowLeft'], shown: '← or →', what: 'Word by word',
             run: () => view.stepWord(-1), when: reading},
            {keys: ['ArrowRight'], run: () => view.stepWord(1), when: reading},
            {keys: ['ArrowUp'], shown: '↑ or ↓', what: 'Segment by segment',
             run: () => view.stepSegment(-1), when: reading},
            {keys: ['ArrowDown'], run: () => view.stepSegment(1), when: reading},
            {keys: [','], shown: ', or .', what: 'Slower or faster',
             run: () => view.player.faster(-1), when: hearing},
            {keys: ['.'], run: () => view.player.faster(1), when: hearing},
            {keys: ['f'], shown: 'F', what: 'Follow the voice', run: () => view.toggleFollow(),
             when: reading},
        ]],
        ['Correcting', [
            {keys: ['Enter', 'e'], shown: 'Enter', what: 'Edit the segment, or double-click a word',
             run: () => view.onSegment('edit'), when: reading},
            {keys: [], shown: 'Enter', what: 'While editing: split at the caret'},
            {keys: [], shown: 'Backspace', what: 'At the start of a text: merge with the one before'},
            {keys: [], shown: 'Esc', what: 'Done editing'},
            {keys: ['s'], shown: 'S', what: 'Split', run: () => view.onSegment('split'),
             when: reading},
            {keys: ['m'], shown: 'M', what: 'Merge with the next segment',
             run: () => view.onSegment('merge'), when: reading},
            {keys: ['p'], shown: 'P', what: 'Who speaks', run: () => view.onSegment('speaker'),
             when: reading},
            {keys: ['n'], shown: 'N', what: 'Next doubtful word; with Shift the one before',
             run: () => view.stepDoubt(1), when: reading},
            {keys: ['Shift+n'], run: () => view.stepDoubt(-1), when: reading},
            {keys: ['c'], shown: 'C', what: 'Mark doubtful words', run: () => view.toggleDoubt(),
             when: reading},
            {keys: ['Ctrl+z'], shown: 'Ctrl+Z', what: 'Undo', run: () => view.undo(),
             when: reading},
            {keys: ['Ctrl+y', 'Ctrl+Shift+z'], shown: 'Ctrl+Y', what: 'Redo',
             run: () => view.redo(), when: reading},
            {keys: ['Ctrl+s'], shown: 'Ctrl+S', what: 'Save now', run: () => view.save(),
             when: reading},
        ]],
    ];
}

/* ---- Begin --------------------------------------------------------------------------------- */

function start() {
    whenUnauthorized(askForKey);
    view = new JobView();
    startIntake();
    startLibrary();
    startKeys(shortcutTable());
    $('#theme-button').addEventListener('click', themeMenu);
    $('#key-button').addEventListener('click', () => askForKey('The key of this server.'));
    $('#key-button').hidden = !apiKey();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => view.player.draw());
    jobs.listen(onNews);
    addEventListener('hashchange', () => route().catch(complain));
    addEventListener('beforeunload', (event) => { if (jobs.hasUploads()) event.preventDefault(); });
    refresh().then(watchServer);
    route().catch(complain);
}

start();
