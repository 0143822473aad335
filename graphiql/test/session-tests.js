// A session's life on the page: refreshed when its token lapses, over when that fails.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { startDouble } from './double/server.js';
import { openBrowser } from './support/browser.js';
import { Workbench } from './support/workbench.js';

export function testSession() {
  describe('the session', () => {
    /** @type {Awaited<ReturnType<typeof startDouble>>} */
    let double;
    /** @type {Awaited<ReturnType<typeof openBrowser>>} */
    let browser;
    /** @type {Workbench} */
    let workbench;

    beforeEach(async () => {
      double = await startDouble();
      browser = await openBrowser(double.origin);
      workbench = new Workbench(await browser.context.newPage(), double.origin);
      await workbench.open();
      await workbench.signInAs('Acme admin');
      await workbench.openTab('MyAgentsAndGoals');
      double.received.length = 0;
    });
    afterEach(async () => {
      await browser.close();
      double.close();
      assert.deepEqual(browser.offences, []);
    });

    const sent = (/** @type {string} */ part) => double.received.filter(({ query }) => query.includes(part));

    test('puts its token on every request', async () => {
      await workbench.run();
      assert.ok(double.received.every(({ authorization }) => authorization?.startsWith('Bearer access-')));
    });

    test('a refused token is refreshed once, and the request sent again', async () => {
      double.sessions.lapse();
      const { data } = await workbench.run();
      assert.equal(data.agents.totalCount, 1);
      assert.equal(sent('refreshSession').length, 1);
    });

    test('an expired token is refreshed before it is sent', async () => {
      await workbench.page.clock.setFixedTime(Date.now() + 3_600_000);
      const { data } = await workbench.run();
      assert.equal(data.agents.totalCount, 1);
      assert.match(double.received[0]?.query ?? '', /refreshSession/);
      assert.equal(sent('query MyAgentsAndGoals').length, 1);
    });

    test('a refused refresh ends in the signed-out state', async () => {
      double.sessions.revoke();
      await workbench.page.getByRole('button', { name: /^Execute query/ }).click();
      await workbench.state.filter({ hasText: 'Signed out' }).waitFor();
      await workbench.page.getByRole('alert').getByText('Your session has ended').waitFor();
      assert.equal(await workbench.page.evaluate(() => sessionStorage.length), 0);
    });

    test('an answer that comes after a change of person is not shown', async () => {
      let release = () => {};
      await workbench.page.route('**/graphql', async (route) => {
        if (route.request().postData()?.includes('query MyAgentsAndGoals')) {
          await new Promise((resolve) => (release = () => resolve(null)));
        }
        await route.continue();
      });
      await workbench.page.getByRole('button', { name: /^Execute query/ }).click();
      await workbench.signInAs('Operator');
      release();
      const { errors } = await workbench.answer();
      assert.match(errors[0].message, /has changed/);
    });

    test('a wrong password in the editor does not touch it', async () => {
      await workbench.write('mutation Wrong { login(input: {email: "ada@acme.test", password: "no"}) { accessToken } }');
      const { errors } = await workbench.run();
      assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED');
      assert.deepEqual([sent('mutation Wrong').length, sent('refreshSession').length], [1, 0]);
    });

    test('a token in the headers editor comes before it', async () => {
      await workbench.page.getByRole('button', { name: 'Headers' }).click();
      await workbench.page.getByRole('region', { name: 'Headers' }).locator('.graphiql-editor:not(.hidden) .view-lines').click();
      await workbench.page.keyboard.insertText('{"Authorization": "Bearer mine"}');
      await workbench.run();
      assert.equal(double.received.at(-1)?.authorization, 'Bearer mine');
    });

    test('carries a subscription', async () => {
      await workbench.write('subscription Watch { goalUpdated(id: "goal_1") { id goalText } }');
      const { data } = await workbench.run();
      assert.equal(data.goalUpdated.goalText, 'Sort this week’s tickets');
    });

    test('signing out ends it on the server too', async () => {
      await workbench.signOut();
      assert.equal(sent('logout').length, 1);
      await workbench.openTab('WhoAmI');
      const { data } = await workbench.run();
      assert.equal(data.viewer, null);
    });
  });
}
