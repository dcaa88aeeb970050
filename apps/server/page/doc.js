/*
 * A transcript as it is edited: segments of words, and the history of undo and redo. Pure: no
 * document, no network.
 *
 * Segments are never changed, only replaced, in a new array. A step of the history is therefore
 * just the array that was current, and a view finds what is new by comparing references.
 *
 *     segment: {start, end, text, speaker, words: [{word, start, end, probability, speaker}], …}
 *
 * `word` carries its own space, as Whisper's words do: the text is the words joined.
 */

const HISTORY_MAX = 500;

export class Transcript {
    constructor(result) {
        this.segments = result.segments.map(clean);
        this.saved = this.segments;
        this.past = [];
        this.future = [];
    }

    get dirty() { return this.segments !== this.saved; }
    get canUndo() { return this.past.length > 0; }
    get canRedo() { return this.future.length > 0; }

    /* The one way to a new state. `label` names the deed for "Undo …". */
    set(segments, label) {
        if (segments === this.segments) return false;
        this.past.push({segments: this.segments, label});
        if (this.past.length > HISTORY_MAX) this.past.shift();
        this.future = [];
        this.segments = segments;
        return true;
    }

    /* The label of what was undone, null when there was nothing. */
    undo() { return this.#step(this.past, this.future); }
    redo() { return this.#step(this.future, this.past); }

    #step(from, to) {
        const step = from.pop();
        if (!step) return null;
        to.push({segments: this.segments, label: step.label});
        this.segments = step.segments;
        return step.label;
    }

    /* ---- Edits: all return whether anything changed ---- */

    #replace(at, n, fresh, label) {
        const segments = this.segments.slice();
        segments.splice(at, n, ...fresh);
        return this.set(segments, label);
    }

    setText(at, text) {
        const old = this.segments[at];
        const trimmed = text.replace(/\s+/g, ' ').trim();
        if (trimmed === old.text.trim()) return false;
        if (!trimmed) return this.#replace(at, 1, [], 'deleting a segment');
        return this.#replace(at, 1, [retext(old, trimmed)], 'editing');
    }

    /* Two segments, the second beginning with word `word`. */
    split(at, word) {
        const old = this.segments[at];
        if (!(word > 0 && word < old.words.length)) return false;
        const left = old.words.slice(0, word), right = old.words.slice(word);
        return this.#replace(at, 1, [
            withWords({...old, end: left.at(-1).end}, left),
            withWords({...old, start: right[0].start}, right),
        ], 'splitting');
    }

    /* With the segment after it. */
    merge(at) {
        const first = this.segments[at], second = this.segments[at + 1];
        if (!second) return false;
        const speaker = first.speaker ?? second.speaker;
        const words = first.words.concat(spaced(second.words, first.words));
        return this.#replace(at, 2, [withWords({...first, end: Math.max(first.end, second.end),
                                                speaker}, words)], 'merging');
    }

    remove(at) { return this.#replace(at, 1, [], 'deleting a segment'); }

    setSpeaker(at, speaker) {
        const old = this.segments[at];
        if (old.speaker === speaker) return false;
        return this.#replace(at, 1, [{...old, speaker}], 'changing a speaker');
    }

    /* Renames and merges at once: `names` maps each present speaker to the one to be. */
    renameSpeakers(names) {
        let changed = false;
        const segments = this.segments.map((segment) => {
            const name = names.get(segment.speaker);
            if (name === undefined || name === segment.speaker) return segment;
            changed = true;
            return {...segment, speaker: name};
        });
        return changed && this.set(segments, 'renaming speakers');
    }

    /* Speakers in the order they are first heard: Map of name → seconds spoken. */
    speakers() {
        const found = new Map();
        for (const {speaker, start, end} of this.segments) {
            if (speaker !== null) found.set(speaker, (found.get(speaker) || 0) + end - start);
        }
        return found;
    }

    /* What PUT /jobs/{id}/result takes. */
    toJson() {
        return {segments: this.segments.map(({start, end, text, speaker, words}) => ({
            start, end, text, speaker,
            words: words.map((word) => ({...word, speaker})),
        }))};
    }

    /* To be read elsewhere: a paragraph per turn, with names if there are any. */
    plainText() {
        const parts = [];
        let before;
        for (const {text, speaker} of this.segments) {
            if (parts.length && speaker === before) parts[parts.length - 1] += ` ${text.trim()}`;
            else parts.push((speaker ? `${speaker}: ` : '') + text.trim());
            before = speaker;
        }
        return parts.join('\n\n');
    }
}

/* ---- Segments ------------------------------------------------------------------------------ */

/* What the server sends, made whole: words may be absent (null or none), speakers null. */
function clean(segment) {
    const words = segment.words || [];
    const speaker = segment.speaker ?? null;
    const bare = {...segment, speaker, timed: words.length > 0};
    return {...bare, words: words.length ? words : guessWords(bare)};
}

/* Without word times: words spread over the segment by their length. */
function guessWords(segment) {
    return spread(pieces(segment.text.trim(), ' '), segment.start, segment.end, null);
}

const withWords = (segment, words) =>
    ({...segment, words, text: words.map((word) => word.word).join('').trimStart()});

/* The words of a second segment behind a first: a space between where the language has them. */
function spaced(words, before) {
    const all = before.concat(words);
    if (!words.length || /^\s/.test(words[0].word) || !usesSpaces(all)) return words;
    return [{...words[0], word: ` ${words[0].word}`}, ...words.slice(1)];
}

const usesSpaces = (words) =>
    words.length < 2 || words.filter((word) => /^\s/.test(word.word)).length * 2 >= words.length - 1;

/* Text into words that carry their space, or, in writing without spaces, those of the locale. */
function pieces(text, space) {
    if (space || !Intl.Segmenter) return text.split(/\s+/).filter(Boolean).map((t) => space + t);
    const parts = [];
    for (const {segment, isWordLike} of new Intl.Segmenter(undefined, {granularity: 'word'})
        .segment(text)) {
        if (isWordLike || !parts.length) parts.push(segment);
        else parts[parts.length - 1] += segment; /* punctuation goes with the word before it */
    }
    return parts;
}

/* Words over [start, end], each as long as it is written. */
function spread(texts, start, end, probability) {
    const total = texts.reduce((sum, text) => sum + text.length, 0) || 1;
    let at = start;
    return texts.map((word) => {
        const from = at;
        at += (end - start) * word.length / total;
        return {word, start: round(from), end: round(at), probability};
    });
}

const round = (seconds) => Math.round(seconds * 1000) / 1000;

/* The segment with a new text: words that stay keep their times, new ones share the gap they
 * stand in. What a person has written is certain: probability 1. */
function retext(segment, text) {
    const fresh = pieces(text, usesSpaces(segment.words) ? ' ' : '');
    const kept = alignment(segment.words.map((word) => word.word.trim()),
                           fresh.map((word) => word.trim()));
    const words = [];
    let oldAt = 0, i = 0;
    const gap = (until, oldUntil) => {
        if (i >= until) return;
        const replaced = segment.words.slice(oldAt, oldUntil);
        const start = replaced.length ? replaced[0].start : (words.at(-1)?.end ?? segment.start);
        const end = replaced.length ? replaced.at(-1).end
            : (segment.words[oldUntil]?.start ?? segment.end);
        words.push(...spread(fresh.slice(i, until), start, Math.max(start, end), 1));
    };
    for (const [oldIndex, freshIndex] of kept) {
        gap(freshIndex, oldIndex);
        words.push({...segment.words[oldIndex], word: fresh[freshIndex]});
        oldAt = oldIndex + 1;
        i = freshIndex + 1;
    }
    gap(fresh.length, segment.words.length);
    return withWords(segment, words);
}

/* Pairs [index in a, index in b] of a longest common subsequence. Ends that agree are taken off
 * first, so that the table is as small as the edit. */
export function alignment(a, b) {
    let head = 0, tail = 0;
    while (head < a.length && head < b.length && a[head] === b[head]) head++;
    while (tail < a.length - head && tail < b.length - head
           && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
    const pairs = Array.from({length: head}, (_, i) => [i, i]);
    const rows = a.length - head - tail, columns = b.length - head - tail;
    const best = Array.from({length: rows + 1}, () => new Uint32Array(columns + 1));
    for (let i = rows - 1; i >= 0; i--) {
        for (let j = columns - 1; j >= 0; j--) {
            best[i][j] = a[head + i] === b[head + j] ? best[i + 1][j + 1] + 1
                : Math.max(best[i + 1][j], best[i][j + 1]);
        }
    }
    for (let i = 0, j = 0; i < rows && j < columns;) {
        if (a[head + i] === b[head + j]) pairs.push([head + i++, head + j++]);
        else if (best[i + 1][j] >= best[i][j + 1]) i++;
        else j++;
    }
    for (let i = tail; i > 0; i--) pairs.push([a.length - i, b.length - i]);
    return pairs;
}

/* ---- Times --------------------------------------------------------------------------------- */

/* Index of the last of `list`, ordered by start, that has begun at `time`; -1 before the first. */
export function lastBegun(list, time) {
    let low = 0, high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle].start <= time) low = middle + 1;
        else high = middle;
    }
    return low - 1;
}
