// The page's script. It stands in the head so that the colour is right from the first paint; the rest waits for the
// document. Nothing here writes HTML: answers of the server are shown as text.
'use strict';

const root = document.documentElement;
const prefix = root.dataset.prefix;

// --- The accent ------------------------------------------------------------------------------------------------------

// rgb reads any CSS colour as three channels from 0 to 255, or returns null when it is none.
function rgb(color) {
  if (!CSS.supports('color', color)) return null;
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

// luminance and contrast follow WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
function luminance(channels) {
  const [r, g, b] = channels.map((c) => {
    const s = c / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

// readable moves a colour towards black or white until text in it can be read on the background with ease: WCAG asks
// for a contrast of 4.5 at least.
function readable(color, background) {
  const end = luminance(background) > 0.5 ? 0 : 255;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = color.map((c) => Math.round(c + (end - c) * share));
    if (contrast(mixed, background) >= 7) return mixed;
  }
  return [end, end, end];
}

function applyAccent(name) {
  const accent = rgb(name);
  if (!accent) return; // The style sheet has a colour of its own.
  const set = (property, channels) => root.style.setProperty(property, `rgb(${channels.join(' ')})`);
  const [black, white] = [[12, 18, 26], [255, 255, 255]];
  set('--accent', accent);
  set('--on-accent', contrast(accent, white) >= contrast(accent, black) ? white : black);
  set('--ink-on-light', readable(accent, white));
  set('--ink-on-dark', readable(accent, [24, 31, 41]));
}

applyAccent(root.dataset.color);

// --- Pings -----------------------------------------------------------------------------------------------------------

const remembered = 48; // pings shown as dots
const patience = 10000; // milliseconds that one request may take
const shown = 4096; // characters of an answer

// call sends one request. It never throws: a request without an answer has no status and a text that says why.
async function call(method, path, body) {
  const start = performance.now();
  const result = { ok: false, status: 0, text: '', color: '' };
  try {
    const signal = AbortSignal.timeout(patience);
    const answer = await fetch(prefix + path, { method, body, signal, cache: 'no-store' });
    result.text = await answer.text();
    result.ok = answer.ok;
    result.status = answer.status;
    result.color = answer.headers.get('X-Color');
  } catch (error) {
    result.text = String(error.message || error);
  }
  return { ...result, ms: performance.now() - start };
}

const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

function show(id, result) {
  const card = document.getElementById(id);
  const status = card.querySelector('.status');
  status.textContent = result.status || 'no answer';
  status.classList.toggle('bad', !result.ok);
  card.querySelector('.time').textContent = milliseconds(result.ms);
  const text = card.querySelector('pre');
  text.textContent = result.text.length > shown ? `${result.text.slice(0, shown)}…` : result.text;
  card.querySelector('.result').hidden = text.hidden = false;
}

// identity reads who answered from the answer of /api/info; an answer without one is nobody's.
function identity(info) {
  try {
    const { hostname, version, color } = JSON.parse(info.text);
    return { hostname, version, color };
  } catch {
    return {};
  }
}

// remember shows a ping as a dot in the colour of whoever answered.
function remember(who, { ok, status, color, ms }) {
  const dot = document.createElement('li');
  const label = `${who.hostname || 'nobody'}: ${status || 'no answer'} in ${milliseconds(ms)}`;
  dot.title = label;
  dot.setAttribute('aria-label', label);
  dot.classList.toggle('bad', !ok);
  if (ok) dot.style.backgroundColor = who.color || color || '';
  const history = document.getElementById('history');
  history.append(dot);
  history.hidden = false;
  while (history.childElementCount > remembered) history.firstElementChild.remove();
}

const hosts = new Map(); // by hostname: who answered, and how often

// count shows who answered how often, once it is more than one host.
function count(who) {
  if (!who.hostname) return;
  hosts.set(who.hostname, { ...who, times: (hosts.get(who.hostname)?.times || 0) + 1 });
  const list = document.getElementById('hosts');
  list.hidden = hosts.size < 2;
  list.replaceChildren(...[...hosts.values()].map(({ hostname, version, color, times }) => {
    const item = document.createElement('li');
    const dot = document.createElement('i');
    dot.style.backgroundColor = color || '';
    item.append(dot, `${hostname} · ${version} × ${times}`);
    return item;
  }));
}

async function ping() {
  const button = document.getElementById('ping');
  button.setAttribute('aria-busy', 'true');
  const [echo, info] = await Promise.all([call('POST', '/echo', 'ping'), call('GET', '/api/info')]);
  button.removeAttribute('aria-busy');
  show('echo', echo);
  show('info', info);
  const who = identity(info);
  const worse = echo.ok ? info : echo;
  remember(who, { ...worse, color: echo.color });
  count(who);
  document.getElementById('summary').textContent = worse.ok
    ? `${who.hostname} answered in ${milliseconds(Math.max(echo.ms, info.ms))}.`
    : 'The server did not answer as it should.';
}

// repeat pings once a second while the box is ticked and somebody can see the page.
async function repeat(box) {
  while (box.checked) {
    if (!document.hidden) await ping();
    await new Promise((resume) => setTimeout(resume, 1000));
  }
}

document.addEventListener('DOMContentLoaded', () => {
  const logo = document.getElementById('logo');
  const own = `${prefix}/ui/logo.svg`;
  const fallBack = () => { if (logo.getAttribute('src') !== own) logo.src = own; };
  logo.addEventListener('error', fallBack);
  if (logo.complete && !logo.naturalWidth) fallBack(); // It failed before anybody listened.

  const box = document.getElementById('repeat');
  let running = false;
  box.addEventListener('change', async () => {
    if (running || !box.checked) return;
    running = true;
    await repeat(box);
    running = false;
  });
  document.getElementById('ping').addEventListener('click', ping);
});
