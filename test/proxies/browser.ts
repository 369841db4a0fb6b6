import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { partPath, type Scope } from '../parts.ts';

/** A real Chromium for which every host is the proxy on `port`; the address bar shows the real names, port 443. */
export async function startBrowser(scope: Scope, port: number): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: partPath('chromium'),
    args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP * 127.0.0.1:${port}`],
  });
  scope.after(() => browser.close());
  return browser;
}

/** A fresh visitor, with the patience that a busy machine asks for. */
export async function newContext(browser: Browser, headers: Record<string, string> = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, extraHTTPHeaders: headers });
  context.setDefaultTimeout(60_000);
  return context;
}

/** Fills the sign-in page that is open, found as a password manager finds it. */
export async function fillSignIn(page: Page, user: string, password: string): Promise<void> {
  await page.locator('input[autocomplete~="username"]').fill(user);
  await page.locator('input[autocomplete~="current-password"]').fill(password);
  await page.locator('input[autocomplete~="current-password"]').press('Enter');
}
