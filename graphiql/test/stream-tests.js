// A subscription in the page, from the real server: what happens meanwhile is shown, until the person goes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask } from './support/ask.js';
import { openBrowser } from './support/browser.js';
import { Workbench } from './support/workbench.js';

const WATCH = 'subscription Watch { events(types: ["team.created"]) { node { type subjectId } } }';
const TEAM = 'mutation($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }';

/** @param {() => string} originOf */
export function testStreams(originOf) {
  describe('a subscription in the page', () => {
    /** @type {Awaited<ReturnType<typeof openBrowser>>} */
    let browser;
    /** @type {Workbench} */
    let workbench;

    before(async () => {
      browser = await openBrowser(originOf());
      workbench = new Workbench(await browser.context.newPage(), originOf());
      await workbench.open();
    });
    after(() => browser?.close());

    test('shows what happens, and ends with the session', async () => {
      const { logins } = await (await fetch(`${originOf()}/demo/logins.json`)).json();
      const admin = logins.find((/** @type {{ role: string }} */ { role }) => role === 'Acme admin');
      const makes = await ask(originOf(), admin);
      await workbench.signInAs(admin.role);
      await workbench.write(WATCH);
      await workbench.execute();
      // What happened before the stream was open is not told: teams are made until one is.
      const made = [];
      for (let turn = 0; turn < 20 && !(await workbench.shownAnswer()); turn += 1) {
        const slug = `watched-${Date.now()}`;
        const { createTeam } = await makes(TEAM, { input: { name: slug, slug } });
        made.push(createTeam.team.id);
        await workbench.page.waitForTimeout(500);
      }
      const { data } = await workbench.answer();
      assert.equal(data.events.node.type, 'team.created');
      assert.ok(made.includes(data.events.node.subjectId));
      assert.ok(await workbench.page.getByRole('button', { name: /^Stop query/ }).isVisible());

      await workbench.signOut();
      await workbench.page.getByRole('button', { name: /^Execute query/ }).waitFor();
      assert.ok(!(await workbench.shownAnswer()));
      assert.deepEqual(browser.offences, []);
    });
  });
}
