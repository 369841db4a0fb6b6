/**
 * The one script of portal and door: comfort only, every page works without it. It is loaded in the head so that a
 * chosen theme stands before the first paint; the choice stays in this browser's localStorage and is never sent.
 */
export const SCRIPT = `'use strict';
(function () {
  var root = document.documentElement;
  var order = ['system', 'light', 'dark'];
  function stored() {
    try { return localStorage.getItem('lintel-theme') || 'system'; } catch (e) { return 'system'; }
  }
  function apply(theme) {
    if (theme === 'light' || theme === 'dark') root.setAttribute('data-theme', theme);
    else root.removeAttribute('data-theme');
  }
  apply(stored());

  function themeSwitch(button) {
    function show() { button.textContent = 'Theme: ' + stored(); }
    button.hidden = false;
    show();
    button.addEventListener('click', function () {
      var next = order[(order.indexOf(stored()) + 1) % order.length];
      try { localStorage.setItem('lintel-theme', next); } catch (e) { return; }
      apply(next);
      show();
    });
  }

  function reveal(input) {
    var wrap = document.createElement('span');
    var button = document.createElement('button');
    wrap.className = 'reveal';
    button.type = 'button';
    button.setAttribute('aria-controls', input.id);
    input.parentNode.insertBefore(wrap, input);
    wrap.appendChild(input);
    wrap.appendChild(button);
    function show(visible) {
      input.type = visible ? 'text' : 'password';
      button.textContent = visible ? 'Hide' : 'Show';
      button.setAttribute('aria-label', visible ? 'Hide password' : 'Show password');
    }
    show(false);
    button.addEventListener('click', function () { show(input.type === 'password'); input.focus(); });
    input.form.addEventListener('submit', function () { show(false); });
  }

  function capsLock(input, note) {
    function look(event) {
      if (event.getModifierState) note.hidden = !event.getModifierState('CapsLock');
    }
    input.addEventListener('keydown', look);
    input.addEventListener('keyup', look);
    input.addEventListener('blur', function () { note.hidden = true; });
  }

  function busy(form) {
    var button = form.querySelector('.primary');
    if (!button) return;
    button.querySelectorAll('.busy').forEach(function (words) { words.hidden = false; });
    form.addEventListener('submit', function (event) {
      if (button.getAttribute('aria-busy') === 'true') event.preventDefault();
      button.setAttribute('aria-busy', 'true');
    });
    window.addEventListener('pageshow', function () { button.removeAttribute('aria-busy'); });
  }

  function copy(button) {
    var source = document.getElementById(button.getAttribute('data-copy'));
    var said = document.getElementById('copied');
    if (!source || !navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener('click', function () {
      navigator.clipboard.writeText(source.textContent).then(function () {
        button.textContent = 'Copied';
        said.textContent = 'Copied.';
      }, function () {
        said.textContent = 'Not copied: select the text and copy it.';
        getSelection().selectAllChildren(source);
      });
    });
  }

  document.addEventListener('DOMContentLoaded', function () {
    var password = document.getElementById('password');
    var note = document.getElementById('caps-lock');
    var error = document.getElementById('error');
    document.querySelectorAll('[data-theme-switch]').forEach(themeSwitch);
    document.querySelectorAll('form').forEach(busy);
    document.querySelectorAll('[data-copy]').forEach(copy);
    if (password && note) capsLock(password, note);
    if (password) reveal(password);
    if (error) error.focus();
  });
})();
`;
