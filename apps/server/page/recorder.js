/*
 * A recording from the microphone, with a meter so that one sees that it hears. The sound stays in
 * the browser until it is finished; what comes out is a file as any other.
 */
import {$, ask, clock, icon, toast} from './dom.js';

const TYPES = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'];
const SLICE_MS = 1000;   /* the browser hands over what it has this often */
const METER_MS = 50;

export class Recorder {
    /* `done(blob, name)` with the finished recording. */
    constructor(done) {
        this.done = done;
        this.active = false;
        $('#recorder-done').addEventListener('click', () => this.#finish(true));
        $('#recorder-pause').addEventListener('click', () => this.#pause());
        $('#recorder-discard').addEventListener('click', () => this.#discard());
        addEventListener('beforeunload', (event) => { if (this.active) event.preventDefault(); });
    }

    async start() {
        if (this.active) return;
        if (!navigator.mediaDevices || !window.MediaRecorder) {
            toast('Browsers record only on a secure page: open this one at http://localhost or '
                  + 'over https.', {bad: true});
            return;
        }
        this.active = true;
        try {
            this.stream = await navigator.mediaDevices.getUserMedia({audio: {
                echoCancellation: false, noiseSuppression: false, autoGainControl: true,
            }});
        } catch (error) {
            this.active = false;
            toast(error.name === 'NotFoundError' ? 'No microphone was found.'
                : error.name === 'NotAllowedError' ? 'The browser may not use the microphone. It can '
                    + 'be allowed in the settings of this page.'
                    : `The microphone cannot be used: ${error.message}`, {bad: true});
            return;
        }
        const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
        this.parts = [];
        this.recorder = new MediaRecorder(this.stream, type ? {mimeType: type} : {});
        this.recorder.ondataavailable = (event) => { if (event.data.size) this.parts.push(event.data); };
        /* The microphone may be pulled out: what was said until then is kept. */
        this.stream.getAudioTracks()[0].onended = () => this.#finish(true);
        this.recorder.start(SLICE_MS);
        this.heard = 0;
        this.since = performance.now();
        this.#startMeter();
        this.#show(true);
        $('#recorder-done').focus();
    }

    #pause() {
        const paused = this.recorder.state === 'paused';
        if (paused) {
            this.recorder.resume();
            this.since = performance.now();
        } else {
            this.recorder.pause();
            this.heard += performance.now() - this.since;
        }
        $('#recorder').classList.toggle('paused', !paused);
        $('#recorder-pause').replaceChildren(icon(paused ? 'pause' : 'mic'),
                                             paused ? 'Pause' : 'Go on');
    }

    async #discard() {
        if (this.#milliseconds() > 5000
            && !await ask('Discard the recording?', 'What was said is gone then.', 'Discard')) return;
        this.#finish(false);
    }

    #milliseconds() {
        return this.heard + (this.recorder?.state === 'recording' ? performance.now() - this.since : 0);
    }

    #finish(keep) {
        if (!this.active || !this.recorder) return;
        const {recorder} = this;
        recorder.onstop = () => {
            const type = recorder.mimeType.split(';')[0] || 'audio/webm';
            const blob = new Blob(this.parts, {type});
            this.parts = [];
            if (keep && blob.size) this.done(blob, fileName(type));
        };
        if (recorder.state !== 'inactive') recorder.stop();
        this.stream.getTracks().forEach((track) => track.stop());
        clearInterval(this.timer);
        this.context?.close();
        this.active = false;
        this.recorder = null;
        this.#show(false);
        $('#record').focus();
    }

    #show(on) {
        $('#recorder').hidden = !on;
        $('#recorder').classList.remove('paused');
        $('#recorder-pause').replaceChildren(icon('pause'), 'Pause');
        $('#drop').hidden = on;
    }

    /* Levels of the last seconds as bars that wander to the left. */
    #startMeter() {
        const canvas = $('#recorder-meter');
        this.context = new AudioContext();
        const analyser = this.context.createAnalyser();
        analyser.fftSize = 2048;
        this.context.createMediaStreamSource(this.stream).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        const levels = [];
        this.timer = setInterval(() => {
            if (!this.recorder) return;
            analyser.getFloatTimeDomainData(samples);
            const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
            if (this.recorder.state === 'recording') levels.push(level);
            $('#recorder-time').textContent = clock(this.#milliseconds() / 1000);
            drawLevels(canvas, levels);
        }, METER_MS);
    }
}

function drawLevels(canvas, levels) {
    const scale = devicePixelRatio || 1, step = 5;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext('2d');
    context.scale(scale, scale);
    context.fillStyle = getComputedStyle(canvas).color;
    const n = Math.floor(width / step);
    levels.splice(0, levels.length - n);
    levels.forEach((level, i) => {
        /* Decibels: 60 below full scale is silence. */
        const loud = Math.max(0, 1 + 20 * Math.log10(level + 1e-6) / 60);
        const tall = Math.max(3, loud * height);
        context.beginPath();
        context.roundRect(width - (levels.length - i) * step, (height - tall) / 2, 3, tall, 1.5);
        context.fill();
    });
}

function fileName(type) {
    const extension = {'audio/webm': 'webm', 'audio/mp4': 'm4a', 'audio/ogg': 'ogg'}[type] || 'webm';
    const now = new Date(), two = (n) => String(n).padStart(2, '0');
    return `Recording ${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} `
        + `${two(now.getHours())}.${two(now.getMinutes())}.${extension}`;
}
