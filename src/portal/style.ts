/** Chosen by the system or by the person: a rule for each, with the same colours. */
const DARK = `--paper: #121416; --card: #1b1e21; --ink: #ecebe7; --quiet: #a3a8ae; --line: #33383d; --edge: #6f767d;
  --accent: #6fd3c8; --on-accent: #0c1413; --tint: #1f2c2c;
  --good: #7fd39b; --care: #f2c66d; --bad: #ffb1a8; --bad-tint: #2d1f1e;
  --shadow: none;
  color-scheme: dark;`;

/** The one stylesheet of portal and door. A 4 px grid; every pair of colours is AA or better in both themes. */
export const STYLE = `
:root {
  --paper: #f7f6f2; --card: #ffffff; --ink: #16181b; --quiet: #5a5f66; --line: #d9d7d0; --edge: #85837b;
  --accent: #0b6b66; --on-accent: #ffffff; --tint: #e7f1ef;
  --good: #1d6b3a; --care: #7a5200; --bad: #a4231b; --bad-tint: #fbeeec;
  --shadow: 0 1px 2px rgb(22 24 27 / 0.05), 0 8px 24px rgb(22 24 27 / 0.05);
  color-scheme: light;
}
@media (prefers-color-scheme: dark) {
  :root:not([data-theme="light"]) {
    ${DARK}
  }
}
:root[data-theme="dark"] {
  ${DARK}
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; padding: 32px 16px 24px;
  display: grid; grid-template: 2fr auto 3fr / minmax(0, 1fr); justify-items: center;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
.place { grid-row: 2; width: 100%; max-width: 26rem; }
.place.wide { max-width: 60rem; }
header { display: flex; flex-direction: column; align-items: center; gap: 12px; margin-bottom: 24px; text-align: center; }
.mark { width: 40px; height: 40px; color: var(--accent); display: block; }
h1 { margin: 0; text-wrap: balance; font-size: 1.375rem; line-height: 1.3; font-weight: 600; overflow-wrap: anywhere; }
h1 em { font-style: normal; color: var(--accent); }
p { margin: 0 0 16px; overflow-wrap: anywhere; }
p:last-child { margin-bottom: 0; }
ul.causes { margin: 0 0 16px; padding-left: 20px; }
ul.causes li { margin-bottom: 4px; }
.card {
  position: relative; overflow: hidden; padding: 27px 24px 24px;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow);
}
.card::before { content: ""; position: absolute; inset: 0 0 auto; height: 3px; background: var(--accent); }
.going { display: flex; align-items: center; gap: 12px; padding-bottom: 16px; border-bottom: 1px solid var(--line); color: var(--quiet); }
.going strong { color: var(--ink); font-weight: 600; }
.going .where { display: block; font-size: 0.875rem; }
.tile {
  flex: none; width: 40px; height: 40px; display: grid; place-items: center; border-radius: 8px;
  background: var(--tint); color: var(--accent); font-weight: 600; font-size: 1.125rem;
}
label { display: block; margin-bottom: 4px; font-weight: 500; }
.field { margin: 0 0 16px; }
fieldset.field { padding: 0; border: 0; min-width: 0; }
legend { padding: 0; margin-bottom: 4px; font-weight: 500; }
fieldset .check { margin: 0; }
.inset { padding-left: 28px; }
.hint { margin: 4px 0 0; font-size: 0.875rem; color: var(--quiet); }
form.narrow { max-width: 26rem; }
.line { display: flex; align-items: baseline; justify-content: space-between; gap: 8px; }
input[type="text"], input[type="password"], select {
  width: 100%; min-height: 44px; padding: 8px 12px; font: inherit; color: var(--ink);
  background: var(--paper); border: 1px solid var(--edge); border-radius: 8px;
}
.reveal { position: relative; display: block; }
.reveal input { padding-right: 84px; }
.reveal button {
  position: absolute; inset: 0 0 0 auto; min-width: 72px; min-height: 44px; padding: 0 12px; border: 0; border-radius: 8px;
  background: none; color: var(--accent); font: inherit; font-size: 0.875rem; font-weight: 500; cursor: pointer;
}
.check { display: flex; align-items: center; gap: 8px; min-height: 44px; margin: -8px 0 8px; font-weight: 400; cursor: pointer; }
.check input { width: 20px; height: 20px; margin: 0; accent-color: var(--accent); flex: none; }
.primary {
  display: grid; width: 100%; min-height: 44px; padding: 8px 16px; place-items: center; border: 1px solid transparent;
  border-radius: 8px; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer; transition: opacity 120ms;
}
.primary:hover { opacity: 0.92; }
.primary > span { grid-area: 1 / 1; }
.primary > .busy { visibility: hidden; }
.primary[aria-busy="true"] > span { visibility: hidden; }
.primary[aria-busy="true"] > .busy { visibility: visible; }
section { padding-top: 16px; margin-top: 24px; border-top: 1px solid var(--line); }
h2 { margin: 0 0 8px; font-size: 1.125rem; line-height: 1.3; font-weight: 600; }
.items { list-style: none; margin: 0 0 16px; padding: 0; }
.items li { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 4px 16px; padding: 8px 0; border-bottom: 1px solid var(--line); }
.items li:last-child { border-bottom: 0; padding-bottom: 0; }
.items li > div { flex: 1 1 10rem; min-width: 0; overflow-wrap: anywhere; }
.items strong { font-weight: 600; }
.items small { display: block; font-size: 0.875rem; color: var(--quiet); }
.mark-word { padding: 0 8px; border-radius: 8px; background: var(--tint); color: var(--accent); font-size: 0.875rem; white-space: nowrap; }
button.small {
  min-height: 44px; padding: 8px 16px; border: 1px solid var(--edge); border-radius: 8px; background: none; color: var(--ink);
  font: inherit; font-weight: 500; cursor: pointer;
}
button.small:hover { border-color: var(--accent); background: var(--tint); }
.secret { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin-bottom: 16px; }
.secret code { flex: 1 1 16rem; padding: 12px; border: 1px solid var(--edge); border-radius: 8px; background: var(--paper); overflow-wrap: anywhere; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
a { color: var(--accent); text-underline-offset: 3px; }
p.also { display: flex; flex-wrap: wrap; justify-content: center; gap: 0 16px; margin: 12px 0 -12px; }
.also a { display: inline-flex; align-items: center; min-height: 44px; }
.error, .note { margin-bottom: 16px; padding: 12px 16px; border-radius: 4px 8px 8px 4px; border-left: 3px solid var(--bad); background: var(--bad-tint); }
.error strong { color: var(--bad); font-weight: 600; }
.note { padding: 4px 12px; margin: 8px 0 0; border-color: var(--care); background: none; color: var(--care); font-size: 0.875rem; }
.id { color: var(--quiet); font-size: 0.875rem; }
.id code { font-size: 1em; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.9375em; font-variant-numeric: tabular-nums; user-select: all; }
.quiet { color: var(--quiet); }
.apps { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr)); }
.apps a {
  display: flex; align-items: center; gap: 12px; min-height: 64px; padding: 8px 12px; border: 1px solid var(--line);
  border-radius: 8px; color: var(--ink); text-decoration: none; transition: border-color 120ms, background-color 120ms;
}
.apps a:hover { border-color: var(--accent); background: var(--tint); }
.apps strong { display: block; font-weight: 600; }
.apps small { display: block; font-size: 0.875rem; color: var(--quiet); overflow-wrap: anywhere; }
footer {
  display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 0 16px; margin-top: 16px;
  font-size: 0.875rem; color: var(--quiet);
}
footer a, footer button { display: inline-flex; align-items: center; min-height: 44px; color: inherit; }
footer button { padding: 0; border: 0; background: none; font: inherit; text-decoration: underline; text-underline-offset: 3px; cursor: pointer; }
:focus-visible, [tabindex="-1"]:focus { outline: 3px solid var(--accent); outline-offset: 2px; }
a:focus-visible { border-radius: 4px; }
a.primary:focus-visible, .apps a:focus-visible { border-radius: 8px; }
.reveal button:focus-visible { outline-offset: -3px; }
[hidden] { display: none !important; }
@media (max-width: 30rem) {
  body { padding: 24px 0 16px; grid-template-rows: 1fr auto 3fr; }
  header { padding: 0 16px; }
  .card { border-left: 0; border-right: 0; border-radius: 0; box-shadow: none; padding-left: 16px; padding-right: 16px; }
}
@media (prefers-reduced-motion: no-preference) {
  @keyframes arrive { from { opacity: 0; transform: translateY(4px); } }
  .card { animation: arrive 120ms ease-out; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
@media (forced-colors: active) { .card::before { background: CanvasText; } .primary { border-color: ButtonText; } }
`;
