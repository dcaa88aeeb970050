/* How far a job is, as a line of words and as a bar: for the list and for the view of the job. */
import {h, icon, roughly} from './dom.js';

export function progressLine(job) {
    if (job.status === 'queued') {
        return job.position > 0 ? `Waiting, number ${job.position} in the queue` : 'Waiting';
    }
    const percent = `${Math.floor((job.progress || 0) * 100)} %`;
    const left = job.eta_s === null || job.eta_s === undefined ? ''
        : `, ${roughly(job.eta_s)} left`;
    return job.progress > 0 ? `${percent}${left}` : 'Listening…';
}

export function progressBar(job) {
    const value = Math.max(0, Math.min(1, job.progress || 0));
    const bar = h('div', {class: 'progress', role: 'progressbar', 'aria-label': `Progress of ${job.name}`,
                          'aria-valuemin': 0, 'aria-valuemax': 100,
                          'aria-valuenow': Math.round(value * 100)});
    const fill = h('span', {class: 'progress-fill'});
    fill.style.width = `${value * 100}%`;
    fill.append(icon('snail'));
    bar.append(fill);
    return bar;
}
