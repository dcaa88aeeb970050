/*
 * The remembered theme, set before anything is painted: a plain script in the head, so that a dark
 * page never flashes white. Without a choice the system's preference rules (theme.css).
 */
(function () {
    'use strict';
    var theme = null;
    try {
        theme = localStorage.getItem('amanuensis.theme');
    } catch (error) {
        /* Storage may be forbidden; then the theme simply follows the system. */
    }
    if (theme === 'light' || theme === 'dark' || theme === 'illuminated')
        document.documentElement.dataset.theme = theme;
}());
