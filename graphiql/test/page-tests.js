// What holds for the page whatever serves it. The double and the real server are both put to it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { buildClientSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import { ask } from './support/ask.js';
import { openBrowser } from './support/browser.js';
import { POLICY } from './support/policy.js';
import { storyDocuments, storyTitles } from './support/stories.js';
import { Workbench } from './support/workbench.js';

/** @typedef {{ role: string, email: string, password: string, organization: string | null, note: string }} Login */

/** @param {() => string} originOf known only once the server is up */
export function testPage(originOf) {
  describe('the page', () => {
    /** @type {string} */
    let origin;
    /** @type {Awaited<ReturnType<typeof openBrowser>>} */
    let browser;
    /** @type {Workbench} */
    let workbench;
    /** @type {Login[]} */
    let logins;

    const acmeAdmin = () => named(logins.find(({ role }) => role === 'Acme admin'));
    const operator = () => named(logins.find(({ role }) => role === 'Operator'));

    before(async () => {
      origin = originOf();
      ({ logins } = await (await fetch(`${origin}/demo/logins.json`)).json());
      browser = await openBrowser(origin);
      workbench = new Workbench(await browser.context.newPage(), origin);
      await workbench.open();
    });
    after(() => browser?.close());

    test('is served under its policy, and / leads to it', async () => {
      for (const path of ['/', '/graphiql', '/graphiql/']) {
        const response = await fetch(origin + path);
        assert.equal(response.url, `${origin}/graphiql/`);
        assert.equal(directives(response.headers.get('content-security-policy')), directives(POLICY));
      }
    });

    test('every story is valid against the schema', async () => {
      const schema = buildClientSchema(await (await ask(origin, acmeAdmin()))(getIntrospectionQuery()));
      for (const { name, text } of storyDocuments()) {
        assert.deepEqual(validate(schema, parse(text)).map(String), [], name);
      }
    });

    test('a first visit opens one tab per story, signed out', async () => {
      assert.deepEqual(await workbench.tabs(), storyTitles);
      assert.match(await workbench.state.innerText(), /Signed out/);
    });

    test('one click signs in, for each demo role', async () => {
      for (const { role, note } of logins) {
        await workbench.signInAs(role);
        assert.match(await workbench.state.innerText(), /^Signed in as \S/, role);
        assert.ok(await workbench.page.getByRole('banner').getByText(note, { exact: true }).isVisible(), role);
      }
    });

    test('an Acme admin reads prompts', async () => {
      await workbench.signInAs(acmeAdmin().role);
      await workbench.openTab('MyAgentsAndGoals');
      const { data, extensions } = await workbench.run();
      const prompts = data.agents.nodes.map((/** @type {any} */ agent) => agent.systemPrompt);
      assert.ok(prompts.some((/** @type {unknown} */ prompt) => typeof prompt === 'string' && prompt.length > 0));
      assert.equal(extensions?.redacted, undefined);
    });

    test('a reload keeps the session and the tabs', async () => {
      const signedIn = await workbench.state.innerText();
      await workbench.page.waitForTimeout(700); // GraphiQL stores tabs half a second late.
      await workbench.page.reload();
      await workbench.ready();
      assert.equal(await workbench.state.innerText(), signedIn);
      assert.deepEqual(await workbench.tabs(), storyTitles);
    });

    test('a change of person takes the last answer off the screen', async () => {
      await workbench.openTab('MyAgentsAndGoals');
      await workbench.run();
      await workbench.signInAs(operator().role);
      assert.ok(!(await workbench.shownAnswer()));
      assert.deepEqual(await workbench.tabs(), storyTitles);
    });

    test('an operator reads null, and a list of what was hidden', async () => {
      await workbench.signInAs(operator().role);
      await workbench.openTab('OperatorView');
      const { data, extensions } = await workbench.run();
      assert.ok(data.agents.nodes.length > 0);
      for (const agent of data.agents.nodes) assert.equal(agent.systemPrompt, null, agent.name);
      assert.ok(extensions.redacted.length >= data.agents.nodes.length);
    });

    test('the documentation explorer shows what fields mean', async () => {
      const { page } = workbench;
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
      const docs = page.locator('.graphiql-doc-explorer');
      await docs.getByRole('link', { name: 'Query' }).click();
      await docs.getByRole('link', { name: 'agents', exact: true }).first().waitFor();
      const descriptions = await docs.locator('.graphiql-markdown-description, .graphiql-markdown-preview').allInnerTexts();
      assert.ok(descriptions.some((text) => text.trim().length > 0));
    });

    test('the explorer and the history open', async () => {
      const { page } = workbench;
      await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
      await page.locator('.graphiql-explorer-root').getByText('agents').first().waitFor();
      await page.getByRole('button', { name: 'Show History' }).click();
      await page.locator('.graphiql-history').getByText('OperatorView').first().waitFor();
    });

    test('signing out says so', async () => {
      await workbench.signOut();
      assert.equal(await workbench.page.locator('.role[aria-pressed="true"]').count(), 0);
    });

    test('nothing was asked of another origin, no policy violated, no error logged', () => {
      assert.deepEqual(browser.offences, []);
    });
  });
}

/** @param {Login | undefined} login @returns {Login} */
function named(login) {
  assert.ok(login, 'the demo has this role');
  return login;
}

/** @param {string | null} policy order means nothing in a policy */
function directives(policy) {
  return (policy ?? '')
    .split(';')
    .map((directive) => directive.trim())
    .filter(Boolean)
    .sort()
    .join('; ');
}
