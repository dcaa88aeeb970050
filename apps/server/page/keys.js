/*
 * Keyboard shortcuts: one table, from which the dialog is made too. Keys without Ctrl do nothing
 * while text is typed, nor when they are turned off (WCAG 2.1.4).
 */
import {$, h, openDialog, remember, remembered} from './dom.js';

let shortcuts = [];
const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/*
 * `table`: [group, [{keys: ['k', ' '], shown: 'Space', what, run, when}…]]…. A key is an
 * event.key, with Ctrl+ and Shift+ in front; `when` says whether it applies at the moment.
 */
export function startKeys(table) {
    shortcuts = table.flatMap(([, of]) => of);
    document.addEventListener('keydown', onKey);
    $('#keys-button').addEventListener('click', showShortcuts);
    $('#shortcuts-list').replaceChildren(...table.map(([title, of]) => h('section', {},
        h('h3', {}, title),
        h('dl', {}, ...of.filter((one) => one.what).flatMap((one) => [
            h('dt', {}, ...keyCaps(one.shown || one.keys[0])), h('dd', {}, one.what)])))));
    const single = $('#single-keys');
    single.checked = remembered('single_keys', true);
    single.addEventListener('change', () => remember('single_keys', single.checked));
}

export const showShortcuts = () => openDialog($('#shortcuts-dialog'));

const keyCaps = (shown) => shown.split(' ').map((part) =>
    part === 'or' ? ' or ' : h('kbd', {}, mac ? part.replace('Ctrl+', '⌘') : part));

function onKey(event) {
    if (event.defaultPrevented || event.isComposing || $('dialog[open]')) return;
    if (event.altKey) return;
    const control = event.ctrlKey || event.metaKey;
    const {target} = event;
    if (!control && (!$('#single-keys').checked || typing(target))) return;
    if (target.closest?.('.menu')) return;
    /* Space and Enter belong to the button or link that has the focus. */
    if ((event.key === ' ' || event.key === 'Enter')
        && target.closest?.('button, a, summary, select, input')) return;
    if (event.key.startsWith('Arrow') && target.closest?.('select, input')) return;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shifted = event.shiftKey && /^[a-z]$|^Arrow/.test(letter);
    const name = `${control ? 'Ctrl+' : ''}${shifted ? 'Shift+' : ''}${letter}`;
    const shortcut = shortcuts.find((one) => one.keys.includes(name) && (!one.when || one.when()));
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run();
}

function typing(element) {
    if (element.isContentEditable) return true;
    if (element.matches?.('textarea, select')) return element.matches('textarea');
    return Boolean(element.matches?.('input')) && !/^(checkbox|radio|button)$/.test(element.type);
}
