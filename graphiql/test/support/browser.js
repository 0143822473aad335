// A browser with an empty profile, and pages that remember everything a page must not do.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @typedef {import('playwright-core').BrowserContextOptions} Options */

/**
 * @param {string} origin the only origin that may be asked for anything
 * @param {Options} [options]
 */
export async function openBrowser(origin, options = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'graphiql-test-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(10_000);
  /** @type {string[]} */
  const offences = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== origin) offences.push(`request to ${url.origin}`);
  });
  // Chromium reports violations of the content security policy as console errors.
  context.on('console', (message) => {
    if (message.type() === 'error') offences.push(`console: ${message.text()} ${message.location().url}`);
  });
  context.on('weberror', (error) => offences.push(`uncaught: ${error.error().message}`));
  return {
    context,
    offences,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
