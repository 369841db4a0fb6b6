import { MARK, PAGE_HEAD } from '../core/text/html.ts';
import { SCRIPT_NAME, STYLE_NAME } from './assets.ts';
import { type Html, html, verbatim } from './html.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** What the frame around a page needs to know. */
export interface Place {
  /** Path under which style and script are served, without a trailing slash; undefined: they stand in the page itself. */
  readonly assets: string | undefined;
  /** Address of the portal's help page; undefined where there is none at hand. */
  readonly help: string | undefined;
}

/** What is different from page to page. */
export interface Sheet {
  /** For tab and history. */
  readonly title: string;
  /** The one heading. */
  readonly heading: Html;
  /** What stands in the card. */
  readonly card: Html;
  readonly wide?: boolean;
}

const HEAD = verbatim(PAGE_HEAD);
const BEAM = verbatim(MARK);

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#2a938b" stroke-width="2" stroke-linecap="round"><path d="M1.5 3.5h13M4 3.5v10M12 3.5v10"/></svg>',
)}`;

/** A whole page. */
export function layout(place: Place, sheet: Sheet): Html {
  const { assets, help } = place;
  return html`${HEAD}
<title>${sheet.title}</title>
<link rel="icon" href="${ICON}">
${assets === undefined ? INLINE : linked(assets)}
</head>
<body>
<div class="${sheet.wide === true ? 'place wide' : 'place'}">
<header>${BEAM}<h1>${sheet.heading}</h1></header>
<main class="card">
${sheet.card}
</main>
<footer><span>English</span><button type="button" data-theme-switch hidden>Theme: system</button>${help !== undefined && html`<a href="${help}">Help</a>`}</footer>
</div>
</body>
</html>
`;
}

const INLINE = html`<style>${verbatim(STYLE)}</style>
<script>${verbatim(SCRIPT)}</script>`;

function linked(assets: string): Html {
  return html`<link rel="stylesheet" href="${assets}/${STYLE_NAME}">
<script src="${assets}/${SCRIPT_NAME}"></script>`;
}

/** The square with a letter that stands for an app. */
export function tile(title: string): Html {
  const [letter = '·'] = title.trim().toUpperCase();
  return html`<span class="tile" aria-hidden="true">${letter}</span>`;
}
