/*
 * The recording: an audio element, its waveform as a slider, time, speed. Tells `onTime` where it
 * stands, once per frame while it plays.
 */
import {getJson, mediaAddress} from './api.js';
import {$, clock, h, icon, remember, remembered} from './dom.js';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 3];
const PEAKS = 1200;
const BAR = 3, GAP = 1; /* pixels of a bar of the waveform */

export class Player {
    constructor({onTime, onPlaying}) {
        this.audio = $('#audio');
        this.wave = $('#wave');
        this.onTime = onTime;
        this.onPlaying = onPlaying;
        this.peaks = [];
        this.duration = 0;
        this.release = () => {};
        this.frame = 0;
        this.#wireAudio();
        this.#wireWave();
        $('#play').addEventListener('click', () => this.toggle());
        $('#back-5').addEventListener('click', () => this.skip(-5));
        $('#forward-5').addEventListener('click', () => this.skip(5));
        const speed = $('#speed');
        speed.append(...SPEEDS.map((x) => h('option', {value: x}, `${x}×`)));
        speed.value = remembered('speed', 1);
        speed.addEventListener('change', () => this.setSpeed(Number(speed.value)));
        new ResizeObserver(() => this.draw()).observe(this.wave);
    }

    /* ---- A recording comes and goes ---- */

    async open(job) {
        this.close();
        const control = this.control = new AbortController();
        $('#player').hidden = false;
        this.#setDuration(job.duration || 0);
        this.#note('');
        const path = `/jobs/${encodeURIComponent(job.id)}`;
        getJson(`${path}/peaks?n=${PEAKS}`, {signal: control.signal}).then(({peaks, duration}) => {
            this.peaks = peaks;
            if (duration) this.#setDuration(duration);
            this.draw();
        }).catch((error) => { if (error.name !== 'AbortError') this.#note(error.message); });
        try {
            const {address, release} = await mediaAddress(`${path}/audio`, control.signal);
            if (control.signal.aborted) {
                release();
                return;
            }
            this.release = release;
            this.audio.src = address;
            this.setSpeed(remembered('speed', 1));
        } catch (error) {
            if (error.name !== 'AbortError') this.#note(error.message);
        }
    }

    close() {
        this.control?.abort();
        this.audio.pause();
        this.audio.removeAttribute('src');
        this.audio.load();
        this.release();
        this.release = () => {};
        this.peaks = [];
        $('#player').hidden = true;
    }

    #setDuration(seconds) {
        this.duration = seconds;
        $('#total').textContent = ` / ${clock(seconds)}`;
        this.wave.setAttribute('aria-valuemax', Math.round(seconds));
        this.#tell();
    }

    #note(text) {
        $('#player-note').textContent = text;
        $('#player-note').hidden = !text;
    }

    /* ---- Playing ---- */

    get time() { return this.audio.currentTime; }
    get playing() { return !this.audio.paused; }
    get usable() { return !$('#player').hidden; }

    toggle() {
        if (!this.usable) return;
        if (this.playing) this.audio.pause();
        else this.play();
    }

    play() {
        this.audio.play().catch((error) => {
            if (error.name === 'NotSupportedError') this.#cannotPlay();
        });
    }

    seek(seconds) {
        const time = Math.max(0, Math.min(seconds, this.duration || seconds));
        /* Before the recording's head has been read the element drops a position. */
        if (this.audio.readyState === 0) {
            this.audio.addEventListener('loadedmetadata', () => { this.audio.currentTime = time; },
                                        {once: true});
        }
        this.audio.currentTime = time;
        this.#tell();
    }

    skip(seconds) { this.seek(this.time + seconds); }

    setSpeed(speed) {
        this.audio.playbackRate = speed;
        this.audio.defaultPlaybackRate = speed;
        $('#speed').value = speed;
        remember('speed', speed);
    }

    faster(steps) {
        const at = SPEEDS.indexOf(this.audio.playbackRate);
        this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + steps))]);
    }

    #cannotPlay() {
        this.#note('This browser cannot play this kind of file. The transcript is complete all the '
                   + 'same.');
    }

    #wireAudio() {
        const {audio} = this;
        const showState = () => {
            const button = $('#play');
            button.replaceChildren(icon(this.playing ? 'pause' : 'play'));
            button.setAttribute('aria-label', this.playing ? 'Pause' : 'Play');
            this.onPlaying(this.playing);
        };
        const tick = () => {
            this.#tell();
            this.frame = this.playing ? requestAnimationFrame(tick) : 0;
        };
        audio.addEventListener('play', () => {
            showState();
            if (!this.frame) tick();
        });
        audio.addEventListener('pause', showState);
        audio.addEventListener('ended', showState);
        audio.addEventListener('seeked', () => this.#tell());
        audio.addEventListener('timeupdate', () => { if (!this.frame) this.#tell(); });
        audio.addEventListener('loadedmetadata', () => {
            if (Number.isFinite(audio.duration) && !this.duration) this.#setDuration(audio.duration);
        });
        audio.addEventListener('error', () => { if (audio.getAttribute('src')) this.#cannotPlay(); });
    }

    #tell() {
        const now = clock(this.time);
        if ($('#now').textContent !== now) {
            $('#now').textContent = now;
            this.wave.setAttribute('aria-valuenow', Math.round(this.time));
            this.wave.setAttribute('aria-valuetext', `${now} of ${clock(this.duration)}`);
        }
        this.draw();
        this.onTime(this.time);
    }

    /* ---- The waveform ---- */

    #wireWave() {
        const {wave} = this;
        const seek = (event) => {
            const box = wave.getBoundingClientRect();
            this.seek((event.clientX - box.left) / box.width * this.duration);
        };
        wave.addEventListener('pointerdown', (event) => {
            wave.setPointerCapture(event.pointerId);
            seek(event);
        });
        wave.addEventListener('pointermove', (event) => {
            if (wave.hasPointerCapture(event.pointerId)) seek(event);
        });
        wave.addEventListener('keydown', (event) => {
            const step = {ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageUp: 60,
                          PageDown: -60}[event.key];
            if (step) this.skip(step);
            else if (event.key === 'Home') this.seek(0);
            else if (event.key === 'End') this.seek(this.duration);
            else return;
            event.preventDefault();
            event.stopPropagation();
        });
    }

    /* Bars about the middle; what has been heard in the accent's colour. */
    draw() {
        const {wave, peaks} = this;
        const scale = devicePixelRatio || 1;
        const width = wave.clientWidth, height = wave.clientHeight;
        if (!width || !height) return;
        if (wave.width !== Math.round(width * scale) || wave.height !== Math.round(height * scale)) {
            wave.width = Math.round(width * scale);
            wave.height = Math.round(height * scale);
        }
        const style = getComputedStyle(wave);
        const heard = style.getPropertyValue('--wave-heard'), rest = style.getPropertyValue('--wave');
        const context = wave.getContext('2d');
        context.setTransform(scale, 0, 0, scale, 0, 0);
        context.clearRect(0, 0, width, height);
        const n = Math.floor(width / (BAR + GAP));
        const edge = this.duration ? this.time / this.duration * width : 0;
        /* Loud recordings and quiet ones fill the height alike. */
        const loudest = peaks.reduce((a, b) => Math.max(a, b), 0.01);
        for (let i = 0; i < n; i++) {
            const from = Math.floor(i * peaks.length / n);
            const to = Math.max(from + 1, Math.floor((i + 1) * peaks.length / n));
            /* The mean of the maxima: their maximum would be a wall in a long recording. */
            let peak = 0;
            for (let k = from; k < to && k < peaks.length; k++) peak += peaks[k] / (to - from);
            const tall = Math.max(2, (peak / loudest) ** 1.3 * (height - 4));
            const x = i * (BAR + GAP);
            context.fillStyle = x < edge ? heard : rest;
            context.beginPath();
            context.roundRect(x, (height - tall) / 2, BAR, tall, BAR / 2);
            context.fill();
        }
        context.fillStyle = heard;
        context.fillRect(Math.min(width - 2, Math.max(0, edge - 1)), 0, 2, height);
    }
}
