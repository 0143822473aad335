// The top bar for everyone: without a mouse, on a telephone, in the dark, and without a demo.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { startDouble } from './double/server.js';
import { openBrowser } from './support/browser.js';
import { Workbench } from './support/workbench.js';

export function testTopBar() {
  describe('the top bar', () => {
    /** @type {Awaited<ReturnType<typeof startDouble>>} */
    let double;
    /** @type {Awaited<ReturnType<typeof startDouble>>} */
    let production;
    before(async () => {
      double = await startDouble();
      production = await startDouble({ demo: false });
    });
    after(() => {
      double.close();
      production.close();
    });

    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      for (const width of [1280, 400]) {
        test(`passes the accessibility rules, ${colorScheme}, ${width} wide`, async () => {
          for (const { origin } of [double, production]) {
            const browser = await openBrowser(origin, { colorScheme, viewport: { width, height: 800 } });
            try {
              const workbench = new Workbench(await browser.context.newPage(), origin);
              await workbench.open();
              if (origin === double.origin) await workbench.signInAs('Acme admin');
              assert.deepEqual(await violations(workbench.page), []);
              assert.equal(await overflow(workbench.page), 0, 'the page scrolls sideways');
            } finally {
              await browser.close();
            }
          }
        });
      }
    }

    test('signs in from the keyboard alone', async () => {
      const browser = await openBrowser(double.origin);
      try {
        const workbench = new Workbench(await browser.context.newPage(), double.origin);
        await workbench.open();
        await workbench.page.keyboard.press('Tab');
        assert.equal(await workbench.page.evaluate(() => document.activeElement?.textContent), 'Acme admin');
        await workbench.page.keyboard.press('Enter');
        await workbench.state.filter({ hasText: 'Signed in as Ada Admin' }).waitFor();
        assert.equal(await workbench.page.evaluate(() => document.activeElement?.textContent), 'Acme admin');
      } finally {
        await browser.close();
      }
    });

    test('asks for e-mail and password where there is no demo', async () => {
      const browser = await openBrowser(production.origin);
      try {
        const workbench = new Workbench(await browser.context.newPage(), production.origin);
        await workbench.open();
        const form = workbench.page.getByRole('form', { name: 'Sign in' });
        await form.getByLabel('E-mail').fill('ada@acme.test');
        await form.getByLabel('Password').fill('wrong');
        await form.getByRole('button', { name: 'Sign in' }).click();
        await workbench.page.getByRole('alert').getByText('Wrong e-mail or password.').waitFor();
        await form.getByLabel('Password').fill('double-0');
        await workbench.page.keyboard.press('Enter');
        await workbench.state.filter({ hasText: 'Signed in as Ada Admin' }).waitFor();
        assert.equal(await form.count(), 0);
        // Chromium logs the one 404 by which the page learns that this is no demo.
        assert.deepEqual(browser.offences.filter((offence) => !offence.endsWith('/demo/logins.json')), []);
      } finally {
        await browser.close();
      }
    });
  });
}

/** @param {import('playwright-core').Page} page */
async function violations(page) {
  await page.evaluate(axe.source);
  const result = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run('.top-bar'));
  return result.violations.map((/** @type {any} */ rule) => `${rule.id}: ${rule.nodes.map((/** @type {any} */ node) => node.html)}`);
}

/** @param {import('playwright-core').Page} page */
function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
