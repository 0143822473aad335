// What a person does on the page, in words.

/** @typedef {import('playwright-core').Page} Page */

export class Workbench {
  /**
   * @param {Page} page
   * @param {string} origin
   */
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    this.roles = page.getByRole('group', { name: 'Sign in as a demo role' });
    this.state = page.getByRole('banner').getByRole('status');
  }

  async open() {
    await this.page.goto(`${this.origin}/graphiql/`);
    await this.ready();
  }

  async ready() {
    await this.page.getByRole('region', { name: 'Operation Editor' }).locator('.view-line').first().waitFor();
  }

  /** @param {string} role */
  async signInAs(role) {
    const button = this.roles.getByRole('button', { name: role, exact: true });
    await button.click();
    // Who is signed in already signs in again: pressed from the start, and busy until the server has answered.
    await this.page.locator('.role[aria-pressed="true"][aria-busy="false"]', { hasText: role }).waitFor();
    await this.ready();
  }

  async signOut() {
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await this.state.filter({ hasText: 'Signed out' }).waitFor();
    await this.ready();
  }

  tabs() {
    return this.page.getByRole('tab').allInnerTexts();
  }

  /** @param {string} title */
  async openTab(title) {
    // The open tab's name has "Close Tab" in it, so a tab is found by its button.
    const button = this.page.getByRole('button', { name: title, exact: true });
    await this.page.getByRole('tab').filter({ has: button }).getByRole('button').first().click();
    await this.page.getByRole('tab', { selected: true }).filter({ has: button }).waitFor();
  }

  /** Replaces the operation of the open tab. @param {string} operation */
  async write(operation) {
    await this.page.evaluate((text) => {
      /** @type {any} */ (globalThis).__MONACO.editor
        .getEditors()
        .find((/** @type {any} */ editor) => editor.getModel()?.uri.path.endsWith('operation.graphql'))
        .setValue(text);
    }, operation);
  }

  /** Runs the open tab. @returns {Promise<any>} the answer as the response pane shows it */
  async run() {
    await this.execute();
    return this.answer();
  }

  async execute() {
    await this.page.getByRole('button', { name: /^Execute query/ }).click();
  }

  /** @returns {Promise<any>} */
  async answer() {
    const text = await this.page.waitForFunction(responseText);
    return JSON.parse(/** @type {string} */ (await text.jsonValue()));
  }

  shownAnswer() {
    return this.page.evaluate(responseText);
  }
}

// Monaco draws only the lines in view, so the text is asked from the editor. Runs in the page.
function responseText() {
  const editors = /** @type {any} */ (globalThis).__MONACO?.editor.getEditors() ?? [];
  return editors
    .find((/** @type {any} */ editor) => editor.getModel()?.uri.path.endsWith('response.json'))
    ?.getValue();
}
