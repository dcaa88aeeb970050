/*
 * Small tools of all modules: elements from a call, times and sizes as people read them, messages,
 * menus, questions, and settings that are remembered.
 */

export const $ = (selector, root = document) => root.querySelector(selector);

const SVG = 'http://www.w3.org/2000/svg';

/* h('button', {class: 'x', onclick: f, 'aria-label': 'y', data: {i: 1}}, 'text', child…) */
export function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false) continue;
        if (name === 'data') Object.assign(element.dataset, value);
        else if (name === 'class') element.className = value;
        else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
        else if (value === true) element.setAttribute(name, '');
        else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

export function icon(name) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS(SVG, 'use');
    use.setAttribute('href', `#i-${name}`);
    svg.append(use);
    return svg;
}

/* ---- As people read it --------------------------------------------------------------------- */

/* 62.3 → "1:02", 3723 → "1:02:03". */
export function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds || 0));
    const two = (n) => String(n).padStart(2, '0');
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/* 200 → "about 3 min": as exact as a forecast can be. */
export function roughly(seconds) {
    if (seconds < 1.5) return 'a moment';
    if (seconds < 60) return `${Math.round(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(n) {
    if (n < 1e6) return `${Math.max(1, Math.round(n / 1e3))} kB`;
    if (n < 1e9) return `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`;
    return `${(n / 1e9).toFixed(1)} GB`;
}

/* The heading a moment (seconds of Unix time) belongs under in the history. */
export function dayOf(time, now = new Date()) {
    const day = new Date(time * 1000);
    const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
    const days = Math.round((midnight - new Date(day.getFullYear(), day.getMonth(),
                                                 day.getDate())) / 864e5);
    if (days <= 0) return 'Today';
    if (days === 1) return 'Yesterday';
    if (days < 7) return day.toLocaleDateString(undefined, {weekday: 'long'});
    return day.toLocaleDateString(undefined, {day: 'numeric', month: 'long', year: 'numeric'});
}

let names = null;
export function languageName(code) {
    try {
        names ||= new Intl.DisplayNames(navigator.languages, {type: 'language'});
        return names.of(code === 'jw' ? 'jv' : code) || code;
    } catch {
        return code;
    }
}

/* ---- Settings ------------------------------------------------------------------------------ */

/* Storage may be forbidden or full: then a setting lives as long as the page. */
const unsaved = new Map();

export function remembered(name, fallback) {
    try {
        const text = localStorage.getItem(`amanuensis.${name}`);
        return text === null ? (unsaved.get(name) ?? fallback) : JSON.parse(text);
    } catch {
        return unsaved.get(name) ?? fallback;
    }
}

export function remember(name, value) {
    unsaved.set(name, value);
    try {
        localStorage.setItem(`amanuensis.${name}`, JSON.stringify(value));
    } catch {
        return;
    }
}

/* ---- Messages ------------------------------------------------------------------------------ */

/* For those who listen instead of look. */
export function announce(text) {
    const live = $('#live');
    live.textContent = '';
    setTimeout(() => { live.textContent = text; }, 50);
}

/* A message that goes by itself; errors stay until they are closed. */
export function toast(text, {bad = false, action = null, label = ''} = {}) {
    const note = h('div', {class: bad ? 'toast bad' : 'toast', role: bad ? 'alert' : 'status'},
                   h('p', {}, text));
    const leave = () => note.remove();
    if (action) {
        note.append(h('button', {class: 'button small', type: 'button',
                                 onclick: () => { leave(); action(); }}, label));
    }
    note.append(h('button', {class: 'icon-button', type: 'button', 'aria-label': 'Close',
                             onclick: leave}, icon('close')));
    const same = [...$('#toasts').children].find((one) => one.firstChild.textContent === text);
    if (same) same.remove();
    $('#toasts').append(note);
    if (!bad) setTimeout(leave, action ? 8000 : 4000);
    return leave;
}

export const complain = (error) => {
    if (error.name !== 'AbortError') toast(error.message || String(error), {bad: true});
};

/* ---- Questions ----------------------------------------------------------------------------- */

/* Opens a dialog; resolves to the value of the button that closed it, '' for Escape. */
export function openDialog(dialog) {
    return new Promise((resolve) => {
        dialog.returnValue = '';
        dialog.addEventListener('close', () => resolve(dialog.returnValue), {once: true});
        dialog.showModal();
    });
}

export async function ask(title, text, yes) {
    $('#ask-title').textContent = title;
    $('#ask-text').textContent = text;
    $('#ask-yes').textContent = yes;
    return await openDialog($('#ask-dialog')) === 'yes';
}

export async function askName(title, value = '') {
    $('#name-title').textContent = title;
    $('#name-text').value = value;
    const answer = openDialog($('#name-dialog'));
    $('#name-text').select();
    return await answer === 'yes' ? $('#name-text').value.trim() : '';
}

/* ---- Menus --------------------------------------------------------------------------------- */

/*
 * A menu at a button. Items: {label, icon, hint, checked, disabled, run}, '-' for a line, or an
 * element. Arrows move, Escape and a click elsewhere close it (the popover's own behaviour).
 */
export function openMenu(button, items, label) {
    $('.menu')?.hidePopover();
    const menu = h('div', {class: 'menu', role: 'menu', popover: 'auto', 'aria-label': label});
    for (const item of items) {
        if (item === '-') menu.append(h('hr'));
        else if (item instanceof Element) menu.append(item);
        else menu.append(menuItem(menu, item));
    }
    menu.addEventListener('keydown', moveInMenu);
    menu.addEventListener('toggle', (event) => {
        if (event.newState !== 'closed') return;
        button.setAttribute('aria-expanded', 'false');
        if (menu.contains(document.activeElement) || document.activeElement === document.body)
            button.focus({preventScroll: true});
        menu.remove();
    });
    document.body.append(menu);
    menu.showPopover();
    button.setAttribute('aria-expanded', 'true');
    placeMenu(menu, button.getBoundingClientRect());
    menu.querySelector('[role^=menuitem]:not(:disabled)')?.focus();
    return menu;
}

function menuItem(menu, item) {
    const choice = item.checked !== undefined;
    return h('button', {
        type: 'button', role: choice ? 'menuitemradio' : 'menuitem', tabindex: '-1',
        'aria-checked': choice ? String(item.checked) : null, disabled: item.disabled,
        onclick: () => { menu.hidePopover(); item.run(); },
    }, item.icon ? icon(item.icon) : choice ? icon('check') : null, h('span', {}, item.label),
             item.hint ? h('kbd', {}, item.hint) : null);
}

function placeMenu(menu, at) {
    const {offsetWidth: width, offsetHeight: height} = menu, edge = 8;
    const below = at.bottom + height + edge < innerHeight || at.top < height + edge;
    const top = below ? Math.min(at.bottom + 4, innerHeight - height - edge)
        : at.top - height - 4;
    const left = at.left + width + edge < innerWidth ? at.left : at.right - width;
    menu.style.top = `${Math.max(edge, top)}px`;
    menu.style.left = `${Math.max(edge, Math.min(left, innerWidth - width - edge))}px`;
}

function moveInMenu(event) {
    const items = [...event.currentTarget.querySelectorAll('[role^=menuitem]:not(:disabled)')];
    const at = items.indexOf(document.activeElement), last = items.length - 1;
    const to = {ArrowDown: at < last ? at + 1 : 0, ArrowUp: at > 0 ? at - 1 : last, Home: 0,
                End: last}[event.key];
    if (event.key === 'Tab') event.currentTarget.hidePopover();
    if (to === undefined || !items.length) return;
    event.preventDefault();
    items[to].focus();
}
