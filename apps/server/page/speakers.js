/*
 * Who speaks: the menu of a segment's speaker, and the dialog of all of them. `host` is the view,
 * as for editing.js.
 */
import {$, askName, clock, h, openDialog, openMenu, toast} from './dom.js';

/* Who speaks in segment i; and, for a whole speaker, another name or the merger with another. */
export function speakerMenu(host, i, button) {
    const {doc} = host;
    const mine = doc.segments[i].speaker;
    const give = (name) => {
        if (doc.setSpeaker(i, name)) host.apply();
        host.list.focus(i, {scroll: false});
    };
    const everywhere = (name) => {
        if (name && doc.renameSpeakers(new Map([[mine, name]]))) host.apply();
        host.list.focus(i, {scroll: false});
    };
    const known = [...doc.speakers().keys()];
    const items = [heading('This segment'),
                   ...known.map((name) => ({label: name, checked: name === mine,
                                            run: () => give(name)}))];
    items.push({label: 'New speaker…', icon: 'people', run: async () => {
        const name = await askName('Who speaks here?');
        if (name) give(name);
    }});
    if (mine !== null) {
        items.push({label: 'No speaker', icon: 'close', run: () => give(null)}, '-',
                   heading(`All of ${mine}`),
                   {label: 'Rename…', icon: 'edit',
                    run: async () => everywhere(await askName(`Rename ${mine}`, mine))});
        for (const name of known) {
            if (name === mine) continue;
            items.push({label: `Merge into ${name}`, icon: 'merge', run: () => everywhere(name)});
        }
    }
    openMenu(button, items, 'Speaker');
}

const heading = (text) => h('p', {class: 'menu-heading', role: 'presentation'}, text);

/* Rows of the dialog of all speakers: a name each, and how long they speak. */
function speakerRows(doc, colours) {
    return [...doc.speakers()].map(([name, seconds]) => {
        const dot = h('span', {class: 'speaker-dot', 'aria-hidden': 'true'});
        dot.dataset.colour = colours(name);
        return h('label', {class: 'speaker-row'}, dot,
                 h('input', {value: name, 'aria-label': `Name of ${name}`, maxlength: 100,
                             data: {speaker: name}}),
                 h('small', {}, clock(seconds)));
    });
}

/* The dialog of all speakers: renames, and merges those who are given the same name. */
export async function editSpeakers(host) {
    const rows = speakerRows(host.doc, (name) => host.colour(name));
    if (!rows.length) {
        toast('No speakers yet. Press P on a segment, or use its menu, to say who speaks.');
        host.list.focus(Math.max(0, host.list.current[0]));
        return;
    }
    $('#speaker-rows').replaceChildren(...rows);
    if (await openDialog($('#speakers-dialog')) !== 'yes') return;
    const names = new Map();
    for (const input of $('#speaker-rows').querySelectorAll('input'))
        names.set(input.dataset.speaker, input.value.trim() || null);
    if (host.doc.renameSpeakers(names)) host.apply();
}
